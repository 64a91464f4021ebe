// What every host has in common: the HTTP server in front of the function, the process of the function, static files,
// and how all of it ends. What a platform does with a request is in the host that is named after it.
import { spawn } from "node:child_process";
import { createReadStream, existsSync, readFileSync, statSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The directory of the hosts. */
export const HOSTS = path.dirname(fileURLToPath(import.meta.url));

/** Longer than a cold start on a busy machine takes. */
const READY = 60_000;
/** How long the function's process may take to end once it was asked to. */
const GRACE = 3_000;

const children = new Set();
let ending = false;

/** Thrown where the host is about to end: nothing after it may run, and nobody has to report it. */
class Ending extends Error {}

/** Ends the host and its children with an error, as a failed deployment would. */
export function fail(reason) {
  // The first reason is the one that counts.
  if (!ending) console.error(`error: ${reason}`);
  end(1);
  throw new Ending();
}

async function end(code) {
  if (ending) return;
  ending = true;
  const ended = [...children].map((child) => new Promise((resolve) => child.once("exit", resolve)));
  // Workers that a child forked are its own affair, but one that is killed cannot end them any more.
  const all = [...children].flatMap(({ pid }) => [pid, ...descendants(pid)]);
  signal(all, "SIGTERM");
  const kill = setTimeout(() => signal(all, "SIGKILL"), GRACE);
  await Promise.all(ended);
  clearTimeout(kill);
  signal(all, "SIGKILL");
  process.exit(code);
}

function signal(ids, name) {
  for (const id of ids) {
    try {
      process.kill(id, name);
    } catch {
      // It has ended.
    }
  }
}

/** The processes below one, as Linux lists them; elsewhere none are found. */
export function descendants(id) {
  const list = `/proc/${id}/task/${id}/children`;
  if (!id || !existsSync(list)) return [];
  const found = readFileSync(list, "utf8").split(" ").filter(Boolean).map(Number);
  return found.flatMap((child) => [child, ...descendants(child)]);
}

process.on("SIGTERM", () => end(0));
process.on("SIGINT", () => end(0));
for (const event of ["uncaughtException", "unhandledRejection"]) {
  process.on(event, (error) => {
    if (error instanceof Ending) return;
    console.error(error);
    end(1);
  });
}

/**
 * The directory that the first argument names, or the first of `outputs` inside it that is there: a host takes the app as
 * well as the output that the platform is given. `marker` is a file that only the output has.
 */
export function findOutput(outputs, marker) {
  const given = process.argv[2];
  if (!given) fail(`usage: node ${path.basename(process.argv[1])} <app or built output>`);
  const candidates = [given, ...outputs.map((output) => path.join(given, output))].map((file) => path.resolve(file));
  const found = candidates.find((candidate) => existsSync(path.join(candidate, marker)));
  if (!found) fail(`no \`${marker}\` in ${candidates.map((candidate) => `\`${candidate}\``).join(", ")}`);
  return found;
}

/** Reads a JSON file; what is wrong with it ends the host. */
export function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    fail(`failed to read \`${file}\`: ${error.message}`);
  }
}

/**
 * The environment of this host without what is meant for the host alone, and with what the platform adds. What
 * `FUNCTION_NODE_OPTIONS` says is `NODE_OPTIONS` there: a preload for the function must not be one of the host.
 */
export function functionEnvironment(platform) {
  const { PORT, NITRO_PORT, HOST, NITRO_HOST, FUNCTION_NODE_OPTIONS, ...environment } = process.env;
  return { ...environment, ...(FUNCTION_NODE_OPTIONS && { NODE_OPTIONS: FUNCTION_NODE_OPTIONS }), ...platform };
}

/**
 * Starts the process that loads the built entry. Its output goes to the host's stderr, so that the one line on the host's
 * stdout is the host's own. A process that ends, ends the host: with its own code, or with 1 where it ended with 0, since
 * a function that is gone is an error whatever it said. `account` has the `uid` and `gid` of another user.
 */
export function start(program, args, { cwd, env, account = {}, ipc = false }) {
  const child = spawn(program, args, { cwd, env, ...account, stdio: ["ignore", "pipe", "pipe", ...(ipc ? ["ipc"] : [])] });
  children.add(child);
  child.on("error", (error) => fail(`failed to start \`${program}\`: ${error.message}`));
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      child.emit("line", line);
      console.error(line);
    });
  }
  // `close` comes after the last line, so the reason is printed before the host ends.
  child.on("close", (code, signal) => {
    children.delete(child);
    if (ending) return;
    console.error(`error: the function's process ended (${signal ?? `code ${code}`})`);
    end(code || 1);
  });
  return child;
}

/** Runs a program of its own to its end, and returns what it printed to stdout; the host ends where it fails. */
export function run(program, args, { cwd, env }) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "inherit"] });
    children.add(child);
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
    child.on("error", (error) => fail(`failed to start \`${program}\`: ${error.message}`));
    child.on("close", (code, signal) => {
      children.delete(child);
      if (ending) return;
      if (code === 0) resolve(stdout);
      else fail(`\`${[program, ...args].join(" ")}\` ended (${signal ?? `code ${code}`})`);
    });
  });
}

/** Waits for the first value that `find` gives for a line of the child's output. */
export function lineOf(child, find) {
  return expected(
    new Promise((resolve) => {
      child.on("line", (line) => {
        const found = find(line);
        if (found) resolve(found);
      });
    }),
  );
}

/** Waits for the first message that the child sends over its channel. */
export function messageOf(child) {
  return expected(new Promise((resolve) => child.once("message", resolve)));
}

/** A promise that has to be settled in time. The end of the child is dealt with elsewhere. */
export function expected(promise) {
  const late = setTimeout(() => fail(`the function was not loaded within ${READY / 1000}s`), READY);
  return promise.finally(() => clearTimeout(late));
}

/** A port of 127.0.0.1 that was free a moment ago. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Waits until something accepts connections at `target` (`{ port }` or `{ path }`). */
export async function accepting(target) {
  const attempt = () =>
    new Promise((resolve) => {
      const socket = net.connect(target.path ? target : { host: "127.0.0.1", ...target });
      socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
  const poll = async () => {
    while (!ending && !(await attempt())) await new Promise((resolve) => setTimeout(resolve, 25));
  };
  await expected(poll());
}

/** Serves `handle` on the loopback port that the environment names, and says so on stdout. */
export function listen(handle) {
  const port = Number(process.env.PORT);
  if (!Number.isInteger(port) || port <= 0) return fail("`PORT` must name a free port");
  const server = http.createServer((request, response) => {
    Promise.resolve(handle(request, response)).catch((error) => {
      if (!(error instanceof Ending)) console.error(error);
      answer(response, { status: 502, headers: {}, body: `${error.message}\n` });
    });
  });
  server.on("error", (error) => fail(error.message));
  server.listen(port, "127.0.0.1", () => console.log(`Listening on http://127.0.0.1:${port}`));
  return server;
}

/** The whole body of a request or response. */
export async function bodyOf(message) {
  const chunks = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Answers a request that was not answered yet. Values of `headers` are strings or arrays of them. */
export function answer(response, { status, headers, body }) {
  if (response.headersSent) return response.destroy();
  response.writeHead(status, headers);
  response.end(body);
}

/** Passes a request on to an HTTP server at `target` (`{ port }` or `{ path }`), and its answer back, both as streams. */
export function proxy(request, response, target, { url = request.url, headers = {} } = {}) {
  return new Promise((resolve, reject) => {
    const address = target.path ? { socketPath: target.path } : { host: "127.0.0.1", port: target.port };
    const passed = http.request(
      { ...address, method: request.method, path: url, headers: { ...request.headers, ...headers } },
      (answered) => {
        response.writeHead(answered.statusCode, answered.statusMessage, answered.rawHeaders);
        answered.pipe(response);
        answered.on("end", resolve).on("error", reject);
      },
    );
    passed.on("error", reject);
    request.pipe(passed);
  });
}

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".mjs": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".woff2": "font/woff2",
};

/** The file of `directory` that a CDN would serve for `pathname`; nothing where there is none. */
export function staticFile(directory, pathname) {
  let decoded;
  try {
    decoded = decodeURIComponent(pathname);
  } catch {
    return undefined;
  }
  const file = path.join(directory, path.posix.normalize(`/${decoded}`));
  for (const candidate of [file, path.join(file, "index.html")]) {
    if (existsSync(candidate) && statSync(candidate).isFile()) return candidate;
  }
  return undefined;
}

/** Answers with the file of `directory` that the request names, and says whether there was one. */
export function serveStatic(request, response, directory, headers = {}) {
  if (request.method !== "GET" && request.method !== "HEAD") return false;
  const file = staticFile(directory, new URL(request.url, "http://host").pathname);
  if (!file) return false;
  response.writeHead(200, {
    "content-type": TYPES[path.extname(file)] ?? "application/octet-stream",
    "content-length": statSync(file).size,
    ...headers,
  });
  if (request.method === "HEAD") response.end();
  else createReadStream(file).pipe(response);
  return true;
}

/** The headers of a request by lower-case name, several of one name joined as gateways join them. */
export function joinedHeaders(request) {
  return Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(",") : value]),
  );
}
