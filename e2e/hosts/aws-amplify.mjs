// AWS Amplify Hosting: `deploy-manifest.json` names the compute resource, which is started as `node server.js` in its
// directory, and the routes in front of it. See
// https://docs.aws.amazon.com/amplify/latest/userguide/ssr-deployment-specification.html and nitropack,
// src/presets/aws-amplify.
//
// Nitro's entry listens on port 3000 of all addresses, as the specification wants it; runtimes/loopback.cjs gives it a
// free port.
//
// Checks besides: the manifest's version is 1, its entry point is there, and every route leads to a target that is.
import { existsSync } from "node:fs";
import path from "node:path";
import {
  accepting,
  answer,
  fail,
  findOutput,
  freePort,
  functionEnvironment,
  HOSTS,
  listen,
  proxy,
  readJson,
  staticFile,
  serveStatic,
  start,
} from "./front.mjs";

const output = findOutput([".amplify-hosting"], "deploy-manifest.json");
const { version, routes, computeResources } = readJson(path.join(output, "deploy-manifest.json"));
if (version !== 1) fail(`\`deploy-manifest.json\` has version ${version}, not 1`);

const ports = new Map();
for (const { name, entrypoint, runtime } of computeResources) {
  const directory = path.join(output, "compute", name);
  if (!/^nodejs\d+\.x$/.test(runtime)) fail(`the runtime of \`${name}\` is \`${runtime}\`, not Node.js`);
  if (!existsSync(path.join(directory, entrypoint)))
    fail(`the entry point \`${entrypoint}\` is not in \`${directory}\``);
  const port = await freePort();
  start(process.execPath, ["--require", path.join(HOSTS, "runtimes/loopback.cjs"), entrypoint], {
    cwd: directory,
    env: functionEnvironment({ PORT: "3000", LOOPBACK_PORT: String(port), AWS_REGION: "us-east-1" }),
  });
  await accepting({ port });
  ports.set(name, port);
}
for (const { path: pattern, target, fallback } of routes) {
  for (const { kind, src } of [target, fallback].filter(Boolean)) {
    if (kind === "Compute" && !ports.has(src))
      fail(`the route \`${pattern}\` leads to \`${src}\`, which is no compute resource`);
  }
}

/** A pattern of the manifest: `*` is any run of characters. */
const matches = (pattern, pathname) =>
  new RegExp(
    `^${pattern
      .split("*")
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
      .join(".*")}$`,
  ).test(pathname);

listen((request, response) => {
  const { pathname } = new URL(request.url, "http://host");
  const route = routes.find(({ path: pattern }) => matches(pattern, pathname));
  if (!route) return answer(response, { status: 404, headers: {} });
  const assets = path.join(output, "static");
  let { target } = route;
  if (target.kind === "Static") {
    if (staticFile(assets, pathname) && serveStatic(request, response, assets)) return;
    if (!route.fallback) return answer(response, { status: 404, headers: {} });
    target = route.fallback;
  }
  return proxy(request, response, { port: ports.get(target.src) });
});
