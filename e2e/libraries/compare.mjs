// Libraries at two versions each: what presentry injects is, byte for byte, what the SDK's own hooks give to Node. Run by `cargo xtask
// libraries` with the command and a directory to work in; the versions are in libraries.json.

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

const [presentry, work] = process.argv.slice(2);
const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const { sdk, node, libraries } = JSON.parse(fs.readFileSync(path.join(here, "libraries.json"), "utf8"));
const FEWEST = 30;

const BUILD = {
  "nitro.json": '{ "date": "2026-01-01T00:00:00.000Z", "preset": "node-server", "framework": { "name": "nitro", "version": "2.13.5" }, "versions": { "nitro": "2.13.5" }, "commands": {}, "config": {} }',
  "server/package.json": '{ "type": "module" }',
  "server/index.mjs": "globalThis._importMeta_={url:import.meta.url,env:process.env};import 'node:http';\nexport { n as default } from './chunks/nitro/nitro.mjs';\nimport '@sentry/node';\n",
  "server/chunks/nitro/nitro.mjs": "import 'node:http';\nconst nodeServer = {};\nconst NITRO_ENV_PREFIX = 'NITRO_';\nexport { nodeServer as n };\n",
  "server/instrument.server.mjs": "import * as Sentry from '@sentry/node';\nSentry.init({ dsn: 'https://key@example.invalid/1', tracesSampleRate: 1 });\n",
};

function install(app, dependencies) {
  fs.mkdirSync(app, { recursive: true });
  fs.writeFileSync(path.join(app, "package.json"), JSON.stringify({ name: "libraries", private: true, dependencies }));
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--legacy-peer-deps", "--silent", "--ignore-scripts"], { cwd: app, stdio: "inherit" });
}

/** The files that presentry injects in a build with all the libraries, by library. */
function injected(app) {
  for (const [file, text] of Object.entries(BUILD)) {
    const at = path.join(app, ".output", file);
    fs.mkdirSync(path.dirname(at), { recursive: true });
    fs.writeFileSync(at, text);
  }
  fs.cpSync(path.join(app, "node_modules"), path.join(app, ".output/server/node_modules"), { recursive: true, verbatimSymlinks: true });
  const options = { cwd: app, encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] };
  const report = JSON.parse(execFileSync(presentry, ["--instrument-ahead", "--no-bundle-sdk", "--format", "json", "."], options));
  return report.libraries.filter(({ instrumented }) => instrumented === "ahead");
}

/** What came of each file of a library: `same`, or what differs. */
function compared(program, app, library) {
  const files = [...new Set(library.functions.filter(({ state }) => state === "injected").map(({ file }) => `${library.directory}/${file}`))];
  const options = { encoding: "utf8", timeout: 60_000, maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "ignore"] };
  const printed = execFileSync(program, [path.join(here, "load.mjs"), app, ...files], options);
  return JSON.parse(printed.split("\nloaded ").at(-1)).map(({ file, text }) => {
    const ours = fs.readFileSync(path.join(app, ".output/server", file), "utf8");
    const original = fs.readFileSync(path.join(app, file), "utf8");
    if (text === undefined) return { file, verdict: "Node does not load it" };
    // A control: what nothing was injected into must not pass.
    if (text === original) return { file, verdict: "the SDK injects nothing" };
    return { file, verdict: text === ours ? "same" : "it differs" };
  });
}

const tools = path.join(work, "node");
install(tools, { [`node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`]: node });
const program = fs.readdirSync(path.join(tools, "node_modules")).map((name) => path.join(tools, "node_modules", name, "bin/node")).find((file) => fs.existsSync(file));
const versions = new Map();
let files = 0;
let wrong = 0;
for (const [at, age] of ["new", "old"].entries()) {
  const app = path.join(fs.realpathSync(work), age);
  install(app, { "@sentry/node": sdk, ...Object.fromEntries(Object.entries(libraries).map(([name, both]) => [name, both[at]])) });
  for (const library of injected(app)) {
    const results = compared(program, app, library);
    files += results.length;
    for (const { file, verdict } of results.filter(({ verdict }) => verdict !== "same")) {
      wrong += 1;
      console.log(`FAIL ${library.name} ${library.version}, ${file}: ${verdict}`);
    }
    versions.set(library.name, new Set(versions.get(library.name)).add(library.version));
  }
}
const twice = Object.keys(libraries).filter((name) => versions.get(name)?.size >= 2);
const missing = Object.keys(libraries).filter((name) => !twice.includes(name));
for (const name of missing) console.log(`FAIL ${name}: not injected at two versions`);
console.log(`${twice.length} libraries at two versions each, ${files} files: ${files - wrong} are what the SDK's hooks give to Node.js ${node}`);
process.exit(wrong > 0 || missing.length > 0 || twice.length < FEWEST ? 1 : 0);
