// The hosts, tried on stand-ins of builds: what a request is when it has come through, what its response is, and that
// each check fails on a build that is wrong. Needs `npm ci` here, and no build of an app. Run it with `node --test`.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { zipSync } from "fflate";

const HOSTS = path.dirname(fileURLToPath(import.meta.url));
const scratch = mkdtempSync(path.join(os.tmpdir(), "hosts-test-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

let builds = 0;

/** Writes a build, given as its files; `{ link }` is a symbolic link, what is no text is JSON. */
function build(files) {
  const root = path.join(scratch, String(builds++));
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(root, name);
    mkdirSync(path.dirname(file), { recursive: true });
    if (typeof content.link === "string") symlinkSync(content.link, file);
    else
      writeFileSync(
        file,
        typeof content === "string" || content instanceof Uint8Array ? content : JSON.stringify(content),
      );
  }
  return root;
}

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** A process and its descendants, where the system lists them. */
function tree(pid) {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    const children = tasks.flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" "));
    return [pid, ...children.filter(Boolean).flatMap(tree)];
  } catch {
    return [];
  }
}

/** The rows of a list of the system; none where it has no such list, or the process has just ended. */
function rowsOf(table) {
  try {
    return readFileSync(table, "utf8").trim().split("\n").slice(1);
  } catch {
    return [];
  }
}

/** The sockets of a process and its descendants that listen or lead beyond this machine, where the system lists them. */
function socketsElsewhere(pid) {
  const inodes = new Set();
  for (const process of tree(pid)) {
    try {
      for (const fd of readdirSync(`/proc/${process}/fd`)) inodes.add(readlinkSync(`/proc/${process}/fd/${fd}`));
    } catch {
      // It ended meanwhile, or one of its files was closed.
    }
  }
  const own = /^(?:[0-9A-F]{6}7F|0{24}01000000|0000000000000000FFFF0000[0-9A-F]{6}7F):/;
  return ["tcp", "tcp6", "udp", "udp6"].flatMap((kind) => {
    const table = `/proc/${pid}/net/${kind}`;
    return rowsOf(table)
      .map((row) => row.trim().split(/\s+/))
      .filter(([, local, , , , , , , , inode]) => inodes.has(`socket:[${inode}]`) && !own.test(local))
      .map(([, local, remote]) => `${kind} ${local} ${remote}`);
  });
}

/** Starts a host, and returns where it listens or, where it ended, how. Nothing of it may listen or lead elsewhere. */
async function start(host, root, env = {}) {
  const port = await freePort();
  const { NODE_TEST_CONTEXT, ...environment } = process.env;
  const watched = path.join(scratch, `watched-${port}-${builds}`);
  const watch = `--require=${path.join(HOSTS, "watch.cjs")}`;
  const watching = { NODE_OPTIONS: watch, FUNCTION_NODE_OPTIONS: watch, HOSTS_WATCH: watched };
  const child = spawn(process.execPath, [path.join(HOSTS, host), root], {
    env: { ...environment, ...watching, PORT: String(port), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const elsewhere = new Set();
  const look = () => socketsElsewhere(child.pid).forEach((socket) => elsewhere.add(socket));
  // A look that is left over must not keep the tests from ending.
  const looking = setInterval(look, 20).unref();
  let stdout = "";
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const ended = new Promise((resolve) => child.on("close", (code, signal) => resolve(signal ?? code)));
  const listening = new Promise((resolve) => {
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
      if (stdout.includes("\n")) resolve();
    });
  });
  await Promise.race([listening, ended]);
  look();
  return {
    /** What was seen of sockets that listen or lead beyond this machine. */
    elsewhere() {
      const noted = existsSync(watched) ? readFileSync(watched, "utf8").trim().split("\n") : [];
      return [...noted, ...elsewhere];
    },
    url: `http://127.0.0.1:${port}`,
    port,
    ended,
    stdout: () => stdout,
    stderr: () => stderr,
    async stop({ reachesOut = false } = {}) {
      look();
      clearInterval(looking);
      child.kill("SIGTERM");
      const code = await ended;
      if (!reachesOut) assert.deepEqual(this.elsewhere(), [], `\`${host}\` listens or leads elsewhere`);
      return code;
    },
  };
}

/** The host ends with `reason`, and never listens. */
async function refuses(host, files, reason, code = 1) {
  const running = await start(host, build(files));
  try {
    assert.equal(running.stdout(), "", `\`${host}\` listened`);
    assert.equal(await running.ended, code, running.stderr());
    assert.match(running.stderr(), reason);
  } finally {
    await running.stop();
  }
}

const BYTES = Buffer.from([0, 255, 128, 10, 13, 65]);

/**
 * Sends one request with all that may get lost, and compares what the function saw and what came back. `lost` names what the
 * platform, or Nitro's handler for it, loses.
 */
async function passes(host, files, { env, lost = [], asset } = {}) {
  const running = await start(host, build(files), env);
  try {
    assert.equal(running.stdout(), `Listening on ${running.url}\n`, running.stderr());
    const pathname = "/api/echo";
    const response = await fetch(`${running.url}${pathname}?a=1&b=x%20y`, {
      method: "POST",
      headers: { cookie: "one=1; two=2", "content-type": "application/octet-stream", "x-own": "yes" },
      body: lost.includes("bytes") ? "text" : BYTES,
    });
    const text = await response.text();
    assert.equal(response.status, 201, text + running.stderr());
    const seen = JSON.parse(text);
    assert.equal(seen.method, "POST");
    const url = new URL(seen.url, "http://host");
    assert.equal(url.pathname, pathname);
    if (!lost.includes("query"))
      assert.deepEqual(
        [...url.searchParams],
        [
          ["a", "1"],
          ["b", "x y"],
        ],
      );
    assert.equal(seen.own, "yes");
    assert.equal(seen.cookie.replaceAll(" ", ""), "one=1;two=2");
    assert.equal(seen.body, lost.includes("bytes") ? Buffer.from("text").toString("base64") : BYTES.toString("base64"));
    assert.equal(response.headers.get("x-answer"), "42");
    if (!lost.includes("cookies")) assert.deepEqual(response.headers.getSetCookie(), ["a=1; Path=/", "b=2; Path=/"]);
    // A second one, as a function's process answers many.
    assert.equal((await fetch(`${running.url}/again`, { method: "POST" })).status, 201);
    if (asset) assert.equal(await (await fetch(`${running.url}/asset.txt`)).text(), "asset");
  } finally {
    assert.equal(await running.stop(), 0);
  }
  await assert.rejects(fetch(running.url), "something still listens");
}

// Stand-ins of what Nitro makes: each answers 201 with what it saw, a header and two cookies.
const ANSWER = `const answer = (seen) => JSON.stringify(seen); const cookies = ["a=1; Path=/", "b=2; Path=/"];\n`;
const LISTENER = `${ANSWER}export async function listener(req, res) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const { cookie, "x-own": own } = req.headers;
  res.writeHead(201, { "x-answer": "42", "set-cookie": cookies });
  res.end(answer({ method: req.method, url: req.url, cookie, own, body: Buffer.concat(chunks).toString("base64") }));
}\n`;
const EVENT = `${ANSWER}const seen = (event) => ({
  method: event.httpMethod ?? event.requestContext.http.method,
  url: (event.path ?? event.rawPath) + "?" + new URLSearchParams(event.queryStringParameters),
  cookie: event.cookies?.join(";") ?? event.headers.cookie,
  own: event.headers["x-own"],
  body: Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8").toString("base64"),
});\n`;
const LAMBDA = `${EVENT}export const handler = async (event, context) => ({ statusCode: 201, headers: { "x-answer": "42" }, cookies, body: answer(seen(event)) });\n`;
const STREAMING = `${EVENT}export const handler = awslambda.streamifyResponse(async (event, stream) => {
  const out = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { "x-answer": "42" }, cookies });
  for (const character of answer(seen(event))) out.write(character);
  out.end();
});\n`;
const FETCH = `${ANSWER}export default async (request) => {
  const response = new Response(answer({
    method: request.method, url: request.url, cookie: request.headers.get("cookie"), own: request.headers.get("x-own"),
    body: Buffer.from(await request.arrayBuffer()).toString("base64"),
  }), { status: 201, headers: { "x-answer": "42" } });
  for (const cookie of cookies) response.headers.append("set-cookie", cookie);
  return response;
};\n`;
const AZURE = `${ANSWER}export async function handle(context, req) {
  const original = req.headers["x-ms-original-url"];
  context.res = {
    status: 201,
    headers: { "x-answer": "42" },
    cookies: [{ name: "a", value: "1", path: "/" }, { name: "b", value: "2", path: "/" }],
    body: answer({
      method: req.method, url: original ? new URL(original).pathname + new URL(original).search : "/" + req.params.url,
      cookie: req.headers.cookie, own: req.headers["x-own"], body: (req.bufferBody ?? Buffer.alloc(0)).toString("base64"),
    }),
  };
}\n`;
/** A server, as the entry of a preset that starts one. */
const SERVER = (where) => `${LISTENER}import { createServer } from "node:http";
const server = createServer(listener).listen(${where}, () => console.log("Listening on http://elsewhere"));\n`;

const FUNCTION = {
  entryPoint: "handle",
  bindings: [
    {
      authLevel: "anonymous",
      type: "httpTrigger",
      direction: "in",
      name: "req",
      route: "{*url}",
      methods: ["get", "post"],
    },
    { type: "http", direction: "out", name: "res" },
  ],
};
const ASSET = "asset";

const nodeListener = {
  ".output/server/index.mjs": `${LISTENER}export { listener as handler }; export const websocket = undefined;\n`,
};
test("node-listener", async (t) => {
  await t.test("requests", () => passes("node-listener.mjs", nodeListener));
  const wrapped = `${LISTENER}export const handler = undefined;\n`;
  await t.test("no function", () =>
    refuses("node-listener.mjs", { ".output/server/index.mjs": wrapped }, /`handler` is undefined/),
  );
  const variadic = "export const listener = (...args) => {}; export { listener as handler };\n";
  await t.test("another length", () =>
    refuses("node-listener.mjs", { ".output/server/index.mjs": variadic }, /takes 0 parameters/),
  );
  await t.test("a load error", () =>
    refuses("node-listener.mjs", { ".output/server/index.mjs": "throw new Error('boom')" }, /boom/),
  );
});

test("node-cluster", async (t) => {
  const entry = `import cluster from "node:cluster";
if (cluster.isPrimary) {
  for (let worker = 0; worker < Number(process.env.NITRO_CLUSTER_WORKERS); worker++) cluster.fork();
  let ending = false;
  cluster.on("exit", () => ending || cluster.fork());
  process.on("SIGTERM", () => (ending = true));
} else import("./worker.mjs").catch((error) => {
  console.error(error);
  process.exit(1);
});\n`;
  const files = {
    ".output/server/index.mjs": entry,
    ".output/server/worker.mjs": SERVER(`process.env.PORT, "127.0.0.1"`),
  };
  await t.test("requests", () => passes("node-cluster.mjs", files, { env: { NITRO_CLUSTER_WORKERS: "3" } }));
  const broken = { ...files, ".output/server/worker.mjs": "throw new Error('boom');" };
  await t.test("a worker that dies", () => refuses("node-cluster.mjs", broken, /a worker ended while it started/));
});

// The recipes themselves, so that what is tried is what users copy.
const EXAMPLES = process.env.HOSTS_EXAMPLES ?? path.join(HOSTS, "../../examples");
const recipe = (name) => readFileSync(path.join(EXAMPLES, name), "utf8");
const WRITER = `import http from "node:http"; import { writeFileSync } from "node:fs";
for (const file of ["x", import.meta.filename ?? "y"]) {
  try { writeFileSync(file, ""); console.error("error: the server can write"); process.exit(3); } catch {}
}
const { PORT, HOST, NODE_ENV } = process.env;
if (NODE_ENV !== "production") throw new Error("NODE_ENV is " + NODE_ENV);
http.createServer(listener).listen(PORT, HOST, () => console.log("Listening on http://" + HOST + ":" + PORT));\n`;
const served = LISTENER.replace("export ", "") + WRITER;

test("docker", { skip: process.platform === "win32" }, async (t) => {
  const dockerfile = recipe("docker/Dockerfile");
  const files = { ".output/server/index.mjs": served, Dockerfile: dockerfile, secret: "not copied" };
  await t.test("requests", () => passes("docker.mjs", files));
  for (const [from, to, reason] of [
    ["USER node\n", "", /runs as root/],
    ["EXPOSE", "RUN chown -R node .\nEXPOSE", /needs a container/],
    ["RUN npx presentry --prune\n", "", /the first stage runs/],
    ["/app/.output .output", "/app/gone gone", /not there to be copied/],
    ["--from=build", "--from=other", /no stage `other`/],
    ['CMD ["node",', 'CMD ["sh",', /does not start Node.js/],
  ]) {
    assert.ok(dockerfile.includes(from), from);
    await t.test(String(reason), () => refuses("docker.mjs", { ...files, Dockerfile: dockerfile.replace(from, to) }, reason));
  }
});

test("systemd", { skip: process.platform === "win32" }, async (t) => {
  const unit = recipe("systemd/app.service");
  const files = { ".output/server/index.mjs": served, "app.service": unit };
  await t.test("requests", () => passes("systemd.mjs", files));
  for (const [from, to, reason] of [
    ["DynamicUser=yes\n", "", /`DynamicUser` is `undefined`/],
    ["index.mjs", "index.mjs --port 1", /not the entry alone/],
    ["ExecStart=/usr/bin/node", "ExecStart=/bin/sh", /does not start Node.js/],
    ["[Service]", "[Service] x", /not a line of a unit/],
  ]) {
    assert.ok(unit.includes(from), from);
    await t.test(String(reason), () => refuses("systemd.mjs", { ...files, "app.service": unit.replace(from, to) }, reason));
  }
});

const pm2 = existsSync(path.join(HOSTS, "pm2/node_modules"));
test("pm2", { skip: !pm2 && "`npm ci` was not run in pm2/" }, async (t) => {
  const config = recipe("pm2/ecosystem.config.cjs");
  const server = served.replace(/for \(const file[^]*?\n}\n/, "");
  const files = { ".output/server/index.mjs": server, "ecosystem.config.cjs": config };
  await t.test("requests", () => passes("pm2.mjs", files));
  const cluster = { ...files, "ecosystem.config.cjs": config.replace('"fork"', '"cluster"') };
  await t.test("the mode `cluster`", () => refuses("pm2.mjs", cluster, /in the mode `fork`/));
  const broken = { ...files, ".output/server/index.mjs": "process.exit(3);\n" };
  await t.test("an app that ends", () => refuses("pm2.mjs", broken, /PM2 starts it again/));
});

test("aws-lambda", async (t) => {
  const files = (entry) => ({ ".output/server/index.mjs": entry });
  await t.test("requests", () => passes("aws-lambda.mjs", files(LAMBDA)));
  await t.test("no handler", () =>
    refuses("aws-lambda.mjs", files("export const other = 1;"), /index\.handler is undefined or not exported/),
  );
  await t.test("a load error", () =>
    refuses("aws-lambda.mjs", files("throw new Error('boom')"), /could not be initialised: Error: boom/),
  );
  await t.test("a load that never ends", () =>
    refuses("aws-lambda.mjs", files("await new Promise(() => {})"), /process ended \(code 13\)/, 13),
  );
  await t.test("streaming requests", () => passes("aws-lambda-streaming.mjs", files(STREAMING)));
  await t.test("the streaming symbol is lost", async () => {
    const running = await start("aws-lambda-streaming.mjs", build(files(LAMBDA)));
    assert.equal((await fetch(running.url)).status, 502);
    assert.equal(await running.ended, 1);
    assert.match(running.stderr(), /not marked as streaming/);
  });
  await t.test("an error in the handler is the response", async () => {
    const running = await start(
      "aws-lambda.mjs",
      build(files("export const handler = async () => { throw new Error('later') };")),
    );
    const response = await fetch(running.url);
    assert.deepEqual([response.status, await response.text()], [502, "Error: later\n"]);
    assert.equal(await running.stop(), 0);
  });
});

test("netlify", async (t) => {
  const main = ".netlify/functions-internal/server/main.mjs";
  const server = ".netlify/functions-internal/server/server.mjs";
  const config = `export { default } from "./main.mjs"; export const config = { path: "/*", excludedPath: ["/.netlify/*"], preferStatic: true };\n`;
  const files = { [main]: FETCH, [server]: config, "dist/asset.txt": ASSET };
  await t.test("requests", () => passes("netlify.mjs", files, { asset: true }));
  const computed = config.replace('"/*"', "globalThis.path");
  await t.test("config that is not static", () =>
    refuses("netlify.mjs", { ...files, [server]: computed }, /cannot be read statically/),
  );
  const named = `export * from "./main.mjs";\n`;
  await t.test("no default export", () =>
    refuses("netlify.mjs", { ...files, [server]: named }, /API version 1, not 2/),
  );
  await t.test("a load error", () =>
    refuses("netlify.mjs", { ...files, [main]: `${FETCH}throw new Error("boom");` }, /boom/),
  );

  const legacy = LAMBDA.replace("cookies, body", 'multiValueHeaders: { "set-cookie": cookies }, body');
  const nitro = (preset) => ({ ".netlify/functions-internal/nitro.json": { preset } });
  await t.test("legacy requests", () =>
    passes(
      "netlify-legacy.mjs",
      { ...nitro("netlify-legacy"), [server]: legacy, "dist/asset.txt": ASSET },
      { asset: true },
    ),
  );
  await t.test("legacy with a default export", () =>
    refuses("netlify-legacy.mjs", { ...nitro("netlify-legacy"), ...files }, /API version 2, not 1/),
  );
  await t.test("builder requests", () =>
    passes("netlify-legacy.mjs", { ...nitro("netlify-builder"), ...files, [main]: legacy }),
  );
});

test("vercel", async (t) => {
  const output = ".vercel/output";
  const fallback = `${output}/functions/__fallback.func`;
  const files = {
    [`${output}/config.json`]: {
      version: 3,
      routes: [
        { src: "/old/(.*)", status: 308, headers: { Location: "/new/$1" } },
        { src: "/asset(.*)", headers: { "cache-control": "immutable" }, continue: true },
        { handle: "filesystem" },
        { src: "(?<__isr_route>/isr/(?:.*))", dest: "/isr/[...]-isr?__isr_route=$__isr_route" },
        { src: "/(.*)", dest: "/__fallback" },
      ],
    },
    [`${output}/static/asset.txt`]: ASSET,
    [`${fallback}/.vc-config.json`]: {
      runtime: "nodejs22.x",
      handler: "index.mjs",
      launcherType: "Nodejs",
      shouldAddHelpers: false,
    },
    [`${fallback}/index.mjs`]: `${LISTENER}export default listener;\n`,
    [`${output}/functions/isr/[...]-isr.func`]: { link: "../__fallback.func" },
    [`${output}/functions/isr/[...]-isr.prerender-config.json`]: { allowQuery: ["__isr_route"] },
  };
  await t.test("requests", () => passes("vercel.mjs", files, { asset: true }));
  await t.test("routes", async () => {
    const running = await start("vercel.mjs", build(files));
    const moved = await fetch(`${running.url}/old/page`, { redirect: "manual" });
    assert.deepEqual([moved.status, moved.headers.get("location")], [308, "/new/page"]);
    assert.equal((await fetch(`${running.url}/asset.txt`)).headers.get("cache-control"), "immutable");
    assert.equal((await (await fetch(`${running.url}/isr/a?x=1`)).json()).url, "/isr/a?__isr_route=%2Fisr%2Fa");
    assert.equal(await running.stop(), 0);
  });
  const link = `${output}/functions/isr/[...]-isr.func`;
  await t.test("a link that leads nowhere", () =>
    refuses("vercel.mjs", { ...files, [link]: { link: "../gone.func" } }, /leads nowhere/),
  );
  const { [link]: _, ...unlinked } = files;
  const copied = {
    ...unlinked,
    [`${link}/index.mjs`]: LISTENER,
    [`${link}/.vc-config.json`]: files[`${fallback}/.vc-config.json`],
  };
  await t.test("a copy instead of a link", () => refuses("vercel.mjs", copied, /is a copy, not a link/));
  const other = { ...files[`${fallback}/.vc-config.json`], handler: "main.mjs" };
  await t.test("no handler", () =>
    refuses("vercel.mjs", { ...files, [`${fallback}/.vc-config.json`]: other }, /handler `main\.mjs` is not in/),
  );
  const object = { ...files, [`${fallback}/index.mjs`]: "export default { other: 1 };\n" };
  await t.test("no listener", () => refuses("vercel.mjs", object, /is object, not a request listener/));
});

test("zeabur", async (t) => {
  const files = {
    ".zeabur/output/config.json": { containerized: false, routes: [{ src: ".*", dest: "/__nitro" }] },
    ".zeabur/output/static/asset.txt": ASSET,
    ".zeabur/output/functions/__nitro.func/index.mjs": `${LISTENER}export default listener;\n`,
  };
  await t.test("requests", () => passes("zeabur.mjs", files, { asset: true }));
  const routed = {
    ...files,
    ".zeabur/output/config.json": { containerized: false, routes: [{ src: ".*", dest: "/other" }] },
  };
  await t.test("a route to nothing", () => refuses("zeabur.mjs", routed, /the route to `\/other` leads to no/));
});

test("azure", async (t) => {
  const app = {
    "host.json": { version: "2.0", extensions: { http: { routePrefix: "" } } },
    "server/function.json": FUNCTION,
    "server/index.mjs": AZURE,
  };
  const bytes = (content) => Buffer.from(typeof content === "string" ? content : JSON.stringify(content));
  const zipped = (files) =>
    zipSync(Object.fromEntries(Object.entries(files).map(([name, content]) => [name, bytes(content)])));
  const inOutput = (files) =>
    Object.fromEntries(Object.entries(files).map(([name, content]) => [`.output/${name}`, content]));
  // What runs is the archive: the directory has another entry.
  const stale = {
    ...inOutput({ ...app, "server/index.mjs": "throw new Error('boom')" }),
    ".output/deploy.zip": zipped(app),
  };
  await t.test("requests to the archive", () => passes("azure-functions.mjs", stale, { lost: ["query"] }));
  await t.test("requests to the directory", () =>
    passes("azure-functions.mjs", inOutput(app), { lost: ["query"], env: { AZURE_RUN_FROM: "directory" } }),
  );
  await t.test("no archive", () => refuses("azure-functions.mjs", inOutput(app), /deploy\.zip/));

  const swa = {
    "staticwebapp.config.json": {
      routes: [
        { route: "/index.html", redirect: "/" },
        { route: "/", rewrite: "/api/server" },
      ],
      navigationFallback: { rewrite: "/api/server" },
    },
    ".output/public/asset.txt": ASSET,
    ".output/public/index.html": "",
    ".output/server/host.json": { version: "2.0" },
    ".output/server/functions/function.json": FUNCTION,
    ".output/server/functions/index.mjs": AZURE,
  };
  // Outside of /api, requests that change something are not let through.
  await t.test("static web app", async () => {
    const running = await start("azure-swa.mjs", build(swa));
    assert.equal((await (await fetch(`${running.url}/api/a?b=1`, { method: "POST" })).json()).url, "/api/a?b=1");
    assert.equal((await (await fetch(`${running.url}/`)).json()).url, "/");
    assert.equal((await (await fetch(`${running.url}/page?b=1`)).json()).url, "/page?b=1");
    assert.equal((await fetch(`${running.url}/page`, { method: "POST" })).status, 405);
    assert.equal(await (await fetch(`${running.url}/asset.txt`)).text(), ASSET);
    assert.equal(await running.stop(), 0);
  });
  const renamed = { ...swa, ".output/server/functions/function.json": { ...FUNCTION, entryPoint: "other" } };
  await t.test("no entry point", () =>
    refuses("azure-swa.mjs", renamed, /Unable to determine function entry point: other/),
  );
  const two = { ...swa, ".output/server/functions/run.mjs": AZURE };
  await t.test("two scripts", () => refuses("azure-swa.mjs", two, /can both be taken for the function/));
});

test("firebase", async (t) => {
  const endpoint = `Object.assign(listener, { __endpoint: { platform: "gcfv2", httpsTrigger: {} }, __trigger: {} });\n`;
  const files = (entry) => ({
    ".output/nitro.json": { preset: "firebase", config: { firebase: { gen: 2 } } },
    ".output/public/asset.txt": ASSET,
    ".output/server/package.json": { type: "module", main: "index.mjs" },
    // The framework has read the body by then.
    ".output/server/index.mjs": entry
      .replace("export async function", "async function")
      .replace("for await (const chunk of req) chunks.push(chunk);", "if (req.rawBody) chunks.push(req.rawBody);"),
  });
  const server = "export { listener as server };\n";
  await t.test("requests", () => passes("firebase.mjs", files(LISTENER + endpoint + server), { asset: true }));
  await t.test("no endpoint", () => refuses("firebase.mjs", files(LISTENER + server), /0 functions would be deployed/));
  const first = files(LISTENER + endpoint.replace("gcfv2", "gcfv1") + server);
  await t.test("another generation", () => refuses("firebase.mjs", first, /is for gcfv1, not for generation 2/));
  const twice = files(`${LISTENER}${endpoint}export const a = { listener }; ${server}`);
  await t.test("two functions", () => refuses("firebase.mjs", twice, /2 functions would be deployed/));
});

test("aws-amplify", async (t) => {
  const output = ".amplify-hosting";
  const compute = { kind: "Compute", src: "default" };
  const files = {
    [`${output}/deploy-manifest.json`]: {
      version: 1,
      routes: [
        { path: "/*.*", target: { kind: "Static" }, fallback: compute },
        { path: "/*", target: compute },
      ],
      computeResources: [{ name: "default", entrypoint: "server.js", runtime: "nodejs20.x" }],
    },
    [`${output}/static/asset.txt`]: ASSET,
    [`${output}/compute/default/package.json`]: { type: "module" },
    [`${output}/compute/default/server.js`]: `import("./index.mjs")`,
    [`${output}/compute/default/index.mjs`]: SERVER("3e3"),
  };
  await t.test("requests", () => passes("aws-amplify.mjs", files, { asset: true }));
  const manifest = files[`${output}/deploy-manifest.json`];
  const gone = { ...manifest, computeResources: [{ ...manifest.computeResources[0], entrypoint: "start.js" }] };
  await t.test("no entry point", () =>
    refuses(
      "aws-amplify.mjs",
      { ...files, [`${output}/deploy-manifest.json`]: gone },
      /entry point `start\.js` is not in/,
    ),
  );
  const other = { ...manifest, routes: [{ path: "/*", target: { kind: "Compute", src: "other" } }] };
  await t.test("a route to nothing", () =>
    refuses("aws-amplify.mjs", { ...files, [`${output}/deploy-manifest.json`]: other }, /which is no compute resource/),
  );
  // A process that ends with 0 and serves nothing is what a floating `import()` can come to.
  const quiet = { ...files, [`${output}/compute/default/index.mjs`]: "export {};" };
  await t.test("an entry that does not listen", () => refuses("aws-amplify.mjs", quiet, /process ended \(code 0\)/));
});

test("iis-node", async (t) => {
  const start = `if (process.env.PORT.startsWith('\\\\')) { process.env.NITRO_UNIX_SOCKET = process.env.PORT; delete process.env.PORT }
import('./server/index.mjs');\n`;
  const files = {
    ".output/index.js": start,
    ".output/web.config": `<handlers><add name="iisnode" path="index.js" verb="*" modules="iisnode" /></handlers>`,
    ".output/public/asset.txt": ASSET,
    ".output/server/index.mjs": SERVER("process.env.NITRO_UNIX_SOCKET ?? { port: process.env.PORT, host: process.env.HOST }"),
  };
  await t.test("requests through the pipe", () => passes("iis-node.mjs", files, { asset: true }));
  await t.test("requests to the port", () =>
    passes("iis-node.mjs", files, { asset: true, env: { IISNODE_PORT: "tcp" } }),
  );
  const config = { ...files, ".output/web.config": "<handlers />" };
  await t.test("no handler", () => refuses("iis-node.mjs", config, /no handler of iisnode/));
});

test("stormkit", async (t) => {
  const entry = `${ANSWER}export const handler = async ({ method, url, headers, body }) => ({
  statusCode: 201, headers: { "x-answer": "42" },
  buffer: Buffer.from(answer({ method, url, cookie: headers.cookie, own: headers["x-own"], body: Buffer.from(body ?? "").toString("base64") })).toString("base64"),
});\n`;
  const files = { ".stormkit/server/index.mjs": entry, ".stormkit/public/asset.txt": ASSET };
  await t.test("requests", () => passes("stormkit.mjs", files, { asset: true, lost: ["bytes", "cookies"] }));
  await t.test("no handler", () =>
    refuses("stormkit.mjs", { ".stormkit/server/index.mjs": "export {};" }, /index\.handler is undefined/),
  );
});

test("genezio", async (t) => {
  const files = { ".output/server/index.mjs": LAMBDA, ".output/public/asset.txt": ASSET };
  await t.test("requests", () => passes("genezio.mjs", files, { asset: true }));
  await t.test("no handler", () =>
    refuses("genezio.mjs", { ".output/server/index.mjs": "export const handler = {};" }, /is object/),
  );
});

const engines = existsSync(path.join(HOSTS, "engines/node_modules"));
test("engines", { skip: !engines && "`npm ci` was not run in engines/" }, async (t) => {
  const entry = { ".output/server/index.mjs": SERVER(`Number(process.env.PORT), "127.0.0.1"`) };
  const bun = { ...entry, ".output/nitro.json": { commands: { preview: "bun run server/index.mjs" } } };
  await t.test("requests to Bun", () => passes("bun.mjs", bun));
  await t.test("another command", () =>
    refuses(
      "bun.mjs",
      { ...bun, ".output/nitro.json": { commands: { preview: "node server/index.mjs" } } },
      /is started with/,
    ),
  );
  const task = "deno run --allow-net --allow-read --allow-write --allow-env --unstable-byonm ./server/index.mjs";
  const deno = { ...entry, ".output/deno.json": { tasks: { start: task } } };
  await t.test("requests to Deno", () =>
    passes("deno.mjs", {
      ...deno,
      ".output/server/index.mjs": `import process from "node:process"; import { Buffer } from "node:buffer";${entry[".output/server/index.mjs"]}`,
    }),
  );
  await t.test("another task", () =>
    refuses(
      "deno.mjs",
      { ...deno, ".output/deno.json": { tasks: { start: `${task} --flag ./other.mjs` } } },
      /the task `start` is/,
    ),
  );
});

test("what listens or leads elsewhere is seen", async (t) => {
  // Each reaches out from the process that loads the entry; the last one starts a process of its own, without a preload.
  const REACH = {
    "a listener": [`(await import("node:net")).createServer().listen(0, "0.0.0.0");`, /listens on 0\.0\.0\.0/],
    "a connection": [`(await import("node:net")).connect(9, "192.0.2.1").on("error", () => {});`, /connects to 192\.0\.2\.1/],
    "a request": [`fetch("http://192.0.2.1:8088/").catch(() => {});`, /connects to 192\.0\.2\.1/],
    "a name": [`(await import("node:dns")).lookup("sentry.invalid", () => {});`, /looks up sentry\.invalid/],
    "a datagram": [
      `(await import("node:dgram")).createSocket("udp4").on("error", () => {}).send("x", 9, "192.0.2.1");`,
      /send of a datagram: 192\.0\.2\.1/,
    ],
    ...(process.platform === "linux" && {
      "another process": [
        `const script = "require('net').createServer().listen(0, '0.0.0.0')";
const { spawn } = await import("node:child_process");
const other = spawn(process.execPath, ["-e", script], { env: {}, stdio: "ignore" });
process.on("exit", () => other.kill());
`,
        /^tcp 00000000:/m,
      ],
    }),
  };
  const WAIT = "await new Promise((resolve) => setTimeout(resolve, 1000));\n";
  for (const [name, [code, seen]] of Object.entries(REACH)) {
    await t.test(name, async () => {
      const entry = nodeListener[".output/server/index.mjs"];
      const running = await start("node-listener.mjs", build({ ".output/server/index.mjs": `${code}\n${WAIT}${entry}` }));
      assert.equal(running.stdout(), `Listening on ${running.url}\n`, running.stderr());
      await running.stop({ reachesOut: true });
      assert.match(running.elsewhere().join("\n"), seen);
    });
  }
});

test("the table names every host, and nothing else", () => {
  const { hosts } = JSON.parse(readFileSync(path.join(HOSTS, "hosts.json"), "utf8"));
  const named = new Set(
    hosts
      .flatMap(({ start: { args } }) => args)
      .filter((arg) => arg.startsWith("{hosts}/"))
      .map((arg) => arg.slice(8)),
  );
  const library = ["front.mjs", "lambda.mjs", "lambda-payload.mjs", "azure.mjs", "engine.mjs", "alone.mjs", "hosts.test.mjs"];
  const files = readdirSync(HOSTS).filter((name) => name.endsWith(".mjs") && !library.includes(name));
  assert.deepEqual([...named].sort(), files.sort());
  assert.equal(new Set(hosts.map(({ id }) => id)).size, hosts.length);
});
