// Vercel: routes, static files and functions as the Build Output API (version 3) describes them:
// https://vercel.com/docs/build-output-api/configuration and …/primitives. The function's process is
// runtimes/listener.mjs.
//
// Checks besides: `.vc-config.json` of every function names a handler that is there, for the `Nodejs` launcher without
// helpers; a function that is a symbolic link (ISR, see nitropack, src/presets/vercel/utils.ts) still leads to the
// directory of another function, so that both are one deployment.
//
// Prerendered functions are called each time: their cache is left out, the query they get is not.
import { existsSync, lstatSync, readdirSync, realpathSync } from "node:fs";
import path from "node:path";
import {
  answer,
  fail,
  findOutput,
  functionEnvironment,
  HOSTS,
  listen,
  messageOf,
  proxy,
  readJson,
  serveStatic,
  start,
} from "./front.mjs";

const output = findOutput([".vercel/output"], "config.json");
const { version, routes } = readJson(path.join(output, "config.json"));
if (version !== 3) fail(`\`config.json\` has version ${version}, not 3`);

/** The functions by the path that routes call them by, each with its real directory. */
const functions = new Map();
const roots = path.join(output, "functions");
for (const name of readdirSync(roots, { recursive: true })) {
  const inside = name
    .split(path.sep)
    .slice(0, -1)
    .some((part) => part.endsWith(".func"));
  if (!name.endsWith(".func") || inside) continue;
  const directory = path.join(roots, name);
  if (!existsSync(directory)) fail(`\`functions/${name}\` leads nowhere`);
  const real = realpathSync(directory);
  const own = path.relative(realpathSync(roots), real);
  if (own.startsWith("..") || !own.endsWith(".func"))
    fail(`\`functions/${name}\` leads to \`${real}\`, which is no function`);
  const prerender = path.join(roots, name.replace(/\.func$/, ".prerender-config.json"));
  if (existsSync(prerender) && !lstatSync(directory).isSymbolicLink())
    fail(`\`functions/${name}\` is a copy, not a link`);
  functions.set(
    `/${name
      .split(path.sep)
      .join("/")
      .replace(/\.func$/, "")}`,
    {
      directory: real,
      prerender: existsSync(prerender) ? readJson(prerender) : undefined,
    },
  );
}
if (functions.size === 0) fail(`no function in \`${roots}\``);

/** One process for each directory, started at once: a deployment that cannot start is to be seen when it is made. */
const ports = new Map();
for (const { directory } of functions.values()) {
  if (ports.has(directory)) continue;
  const { runtime, handler, launcherType, shouldAddHelpers } = readJson(path.join(directory, ".vc-config.json"));
  if (!/^nodejs\d+\.x$/.test(runtime)) fail(`the runtime of \`${directory}\` is \`${runtime}\`, not Node.js`);
  if (launcherType !== "Nodejs" || shouldAddHelpers) fail(`\`${directory}\` is not for the plain \`Nodejs\` launcher`);
  const entry = path.join(directory, handler);
  if (!existsSync(entry)) fail(`the handler \`${handler}\` is not in \`${directory}\``);
  const child = start(process.execPath, [path.join(HOSTS, "runtimes/listener.mjs"), entry], {
    cwd: directory,
    ipc: true,
    env: functionEnvironment({
      VERCEL: "1",
      VERCEL_ENV: "production",
      VERCEL_REGION: "iad1",
      NOW_REGION: "iad1",
      TZ: ":UTC",
    }),
  });
  ports.set(directory, (await messageOf(child)).port);
}

/** Walks through the routes: each may add headers and go on, redirect, or name what answers. */
function route(request, response) {
  const url = new URL(request.url, "http://host");
  const headers = {};
  for (const { handle, src, dest, status, headers: added = {}, continue: goOn, methods } of routes) {
    if (handle === "filesystem") {
      if (serveStatic(request, response, path.join(output, "static"), headers)) return;
      if (functions.has(url.pathname)) return call(url.pathname, url.searchParams);
      continue;
    }
    if (!src || (methods && !methods.includes(request.method))) continue;
    const match = new RegExp(`^${src}$`).exec(url.pathname);
    if (!match) continue;
    const fill = (text) => text.replace(/\$(\w+)/g, (_, name) => match.groups?.[name] ?? match[Number(name)] ?? "");
    for (const [name, value] of Object.entries(added)) headers[name] = fill(value);
    if (goOn) continue;
    if (dest) {
      const target = new URL(fill(dest), "http://host");
      const query = new URLSearchParams(url.search);
      for (const [name, value] of target.searchParams) query.set(name, value);
      const called = decodeURIComponent(target.pathname);
      if (functions.has(called)) return call(called, query);
    }
    if (status) return answer(response, { status, headers });
  }
  answer(response, { status: 404, headers: { "x-vercel-error": "NOT_FOUND" } });

  function call(name, query) {
    const { directory, prerender } = functions.get(name);
    if (prerender?.allowQuery) {
      for (const key of [...query.keys()]) if (!prerender.allowQuery.includes(key)) query.delete(key);
    }
    for (const [key, value] of Object.entries(headers)) response.setHeader(key, value);
    const search = query.size > 0 ? `?${query}` : "";
    return proxy(
      request,
      response,
      { port: ports.get(directory) },
      {
        url: url.pathname + search,
        headers: {
          "x-forwarded-for": "127.0.0.1",
          "x-forwarded-proto": "http",
          "x-forwarded-host": request.headers.host,
          "x-vercel-id": "iad1::local",
          ...(prerender && { "x-now-route-matches": query.toString() }),
        },
      },
    );
  }
}

listen(route);
