// Firebase, both generations of functions. Two processes look at the build, as in a deployment:
//
// 1. firebase-tools runs `firebase-functions` of the app itself to find out what is to be deployed: its loader
//    (firebase-functions, src/runtime/loader.ts, `loadStack`) loads the build and collects every export with
//    `__endpoint`. Neither Sentry nor the module trace is switched on for this.
// 2. @google-cloud/functions-framework 5.0.5 runs the function, `--source=.output/server --target=<entryPoint>
//    --signature-type=http`, which is what both generations run on.
//
// In front of it Firebase Hosting serves `.output/public`, and rewrites everything else to the function. That hides one
// thing: the framework itself answers `/robots.txt` and `/favicon.ico` with 404.
//
// Checks besides: the build has exactly one endpoint, an HTTPS one of the generation that nitro.json or, where that
// does not say, the endpoint's `platform` names; package.json of the build has a `main` that leads to the entry.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import {
  accepting,
  fail,
  findOutput,
  freePort,
  functionEnvironment,
  HOSTS,
  listen,
  proxy,
  readJson,
  run,
  serveStatic,
  start,
} from "./front.mjs";

const output = findOutput([".output"], "server/package.json");
const server = path.join(output, "server");

const { main } = readJson(path.join(server, "package.json"));
if (!main || !existsSync(path.join(server, main)))
  fail(`\`main\` of the build's package.json is \`${main}\`, which is not there`);

// A deployment installs all of the package from the build's package.json; a build holds what Nitro traced, without the
// loader. So it is looked for in the build, in the app that was built, and is else the one that the hosts bring.
const LOADER = "node_modules/firebase-functions/lib/runtime/loader.js";
const loader = ancestors(server)
  .concat(HOSTS)
  .map((directory) => path.join(directory, LOADER))
  .find(existsSync);
if (!loader) fail("`firebase-functions` is not installed");

/** A directory and all above it. */
function ancestors(directory) {
  const parent = path.dirname(directory);
  return parent === directory ? [directory] : [directory, ...ancestors(parent)];
}

const project = {
  GCLOUD_PROJECT: "presentry",
  FIREBASE_CONFIG: JSON.stringify({ projectId: "presentry" }),
};
const { SENTRY_DSN, MODULE_TRACE_FILE, ...discovery } = functionEnvironment({
  ...project,
  FUNCTIONS_CONTROL_API: "true",
});
const stack = JSON.parse(
  await run(process.execPath, [path.join(HOSTS, "runtimes/firebase-discovery.cjs"), loader, server], {
    cwd: server,
    env: discovery,
  }),
);
const names = Object.keys(stack.endpoints);
if (names.length !== 1)
  fail(
    `${names.length} functions would be deployed${names.length ? `: ${names.join(", ")}` : ", the build exports none with an `__endpoint`"}`,
  );
const [{ entryPoint, platform, httpsTrigger }] = Object.values(stack.endpoints);
if (!httpsTrigger) fail(`the function \`${names[0]}\` has no HTTPS trigger`);
const generation = readJson(path.join(output, "nitro.json")).config?.firebase?.gen;
if (generation && platform !== `gcfv${generation}`)
  fail(`\`${names[0]}\` is for ${platform}, not for generation ${generation}`);

const framework = path.join(
  path.dirname(createRequire(import.meta.url).resolve("@google-cloud/functions-framework")),
  "main.js",
);
const port = await freePort();
start(
  process.execPath,
  // The framework listens on all addresses.
  [
    "--require",
    path.join(HOSTS, "runtimes/loopback.cjs"),
    framework,
    `--source=${server}`,
    `--target=${entryPoint}`,
    "--signature-type=http",
    `--port=${port}`,
  ],
  {
    cwd: server,
    env: functionEnvironment({
      ...project,
      LOOPBACK_PORT: String(port),
      FUNCTION_TARGET: entryPoint,
      FUNCTION_SIGNATURE_TYPE: "http",
      K_SERVICE: names[0].toLowerCase(),
      K_REVISION: "1",
      NODE_ENV: "production",
    }),
  },
);
await accepting({ port });

listen((request, response) => {
  if (serveStatic(request, response, path.join(output, "public"))) return;
  return proxy(request, response, { port });
});
