// Zeabur's serverless functions: `.zeabur/output` with `config.json`, `static` and `functions`, which has the shape of
// Vercel's output. See nitropack, src/presets/zeabur/preset.ts. The function's process is runtimes/listener.mjs.
//
// Checks besides: the routes of `config.json` lead to a function that is there; links for ISR lead to it.
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

const output = findOutput([".zeabur/output"], "config.json");
const { containerized, routes } = readJson(path.join(output, "config.json"));
if (containerized) fail("the build is for a container, not for functions");

const ports = new Map();
for (const { dest } of routes) {
  if (ports.has(dest)) continue;
  const directory = path.join(output, "functions", `${dest}.func`);
  const entry = path.join(directory, "index.mjs");
  if (!existsSync(entry)) fail(`the route to \`${dest}\` leads to no \`${entry}\``);
  const child = start(process.execPath, [path.join(HOSTS, "runtimes/listener.mjs"), entry], {
    cwd: directory,
    ipc: true,
    env: functionEnvironment({}),
  });
  ports.set(dest, (await messageOf(child)).port);
}
for (const name of readdirSync(path.join(output, "functions"))) {
  const directory = path.join(output, "functions", name);
  if (!name.endsWith(".func") || !lstatSync(directory).isSymbolicLink()) continue;
  if (!existsSync(path.join(realpathSync(directory), "index.mjs"))) fail(`\`functions/${name}\` leads to no function`);
}

listen((request, response) => {
  if (serveStatic(request, response, path.join(output, "static"))) return;
  const { pathname } = new URL(request.url, "http://host");
  const found = routes.find(({ src }) => new RegExp(`^${src}$`).test(pathname));
  if (!found) return answer(response, { status: 404, headers: {} });
  return proxy(request, response, { port: ports.get(found.dest) });
});
