// Libraries at two versions each: what presentry injects is, byte for byte, what the SDK's own hooks give to Node; each function that it
// injects publishes when it is called; and where the libraries are bundled into chunks, each publishes what it does in its package. Run
// by `cargo xtask libraries` with the command and a directory to work in; the versions are in libraries.json.

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [presentry, work] = process.argv.slice(2);
const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const { sdk, node, tools, libraries } = JSON.parse(fs.readFileSync(path.join(here, "libraries.json"), "utf8"));
const FEWEST = 30;
const FEWEST_IN_CHUNKS = 600;
const MOST_LEFT_IN_MINIFIED = 5;

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

/** What presentry says of each library that it injects in a build that has these files as well. */
function injected(app, files = {}) {
  fs.rmSync(path.join(app, ".output"), { recursive: true, force: true });
  for (const [file, text] of Object.entries({ ...BUILD, ...files })) {
    const at = path.join(app, ".output", file);
    fs.mkdirSync(path.dirname(at), { recursive: true });
    fs.writeFileSync(at, text);
  }
  fs.cpSync(path.join(app, "node_modules"), path.join(app, ".output/server/node_modules"), { recursive: true, verbatimSymlinks: true });
  const options = { cwd: app, encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] };
  const report = JSON.parse(execFileSync(presentry, ["--instrument-ahead", "--no-bundle-sdk", "--format", "json", "."], options));
  return report.libraries.filter(({ instrumented }) => instrumented === "ahead");
}

/** Whether a function published that it begins, in one of the ways in which it was called. */
const starts = ({ calls }) => Object.values(calls).some((events) => events.some(([name]) => name === "start"));

/** What came of each file of a library: `same`, or what differs. */
function compared(program, app, library) {
  const files = filesOf(library);
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

const isInjected = ({ state }) => state === "injected";

/** What each function of these files publishes, called alone, by channel. `change` makes another text of a file first. */
function published(server, files, change = (text) => text) {
  const read = (file) => fs.readFileSync(path.join(server, file), "utf8");
  const channels = (file) => (read(file).includes("channels-of-chunks.mjs") ? read("channels-of-chunks.mjs") : undefined);
  const input = JSON.stringify({ parser, texts: files.map((file) => ({ text: change(read(file)), channels: channels(file) })) });
  const options = { input, encoding: "utf8", timeout: 120_000, maxBuffer: 1 << 28, stdio: ["pipe", "pipe", "inherit"] };
  const all = JSON.parse(execFileSync(program, [path.join(here, "execute.mjs")], options)).flat();
  const channelsOfAll = new Set(all.map(({ channel }) => channel));
  return new Map([...channelsOfAll].map((channel) => [channel, all.filter((one) => one.channel === channel)]));
}

/** The files of a library with channels, relative to the server directory. */
const filesOf = ({ directory, functions }) => [...new Set(functions.filter(isInjected).map(({ file }) => `${directory}/${file}`))];

/** Chunks for each library, with the files in it that presentry has injected in packages. What imports them has a chunk of its own.
 *  Minified ones have a source map beside them. */
async function bundled(app, all, minify) {
  const { rolldown } = await import(pathToFileURL(path.join(place, "node_modules/rolldown/dist/index.mjs")));
  const chunks = {};
  process.chdir(app);
  for (const library of all) {
    const files = filesOf(library).map((file) => path.join(app, file));
    const entry = files.map((file, at) => `import * as f${at} from ${JSON.stringify(file)};`).join("\n") + `\nglobalThis.kept = [${files.map((_, at) => `f${at}`)}];\n`;
    const plugins = [{ name: "entry", resolveId: (id) => (id === "entry" ? id : undefined), load: (id) => (id === "entry" ? entry : undefined) }];
    const bundle = await rolldown({ input: "entry", plugins, platform: "node", external: [/^node:/, /\.node$/], logLevel: "silent" });
    const directory = `server/_libs/${library.name.replace(/^@/, "").replace(/\W/g, "-")}`;
    const codeSplitting = { groups: [{ name: "library", test: /node_modules/ }] };
    const { output } = await bundle.generate({ format: "esm", dir: path.join(app, ".output", directory), codeSplitting, minify, sourcemap: minify });
    for (const { fileName, code, source } of output) chunks[`${directory}/${fileName}`] = code ?? source;
  }
  return chunks;
}

const place = path.join(work, "tools");
install(place, { [`node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`]: node, ...tools });
const parser = path.join(place, "node_modules/acorn");
const program = fs.readdirSync(path.join(place, "node_modules")).map((name) => path.join(place, "node_modules", name, "bin/node")).find((file) => fs.existsSync(file));
const versions = new Map();
let files = 0;
let wrong = 0;
let called = 0;
let inChunks = 0;
const fail = (text) => {
  wrong += 1;
  console.log(`FAIL ${text}`);
};

/** Has presentry inject into chunks, and compares what their functions publish with what those in packages do. A minifier changes some
 *  functions, which are left alone then: few, and said. */
async function inChunksOf(app, age, chunks, inPackages, isMinified) {
  const inThem = injected(app, chunks).filter(({ directory }) => directory?.startsWith("_libs/"));
  const failed = inThem.flatMap(({ name, functions }) => functions.filter(({ state }) => state === "failed").map((one) => ({ ...one, name })));
  for (const { name, function: of, reason } of failed) console.log(`${age}: ${name}, ${of} is left alone in chunks: ${reason}`);
  if (failed.length > (isMinified ? MOST_LEFT_IN_MINIFIED : 0)) fail(`${age}: ${failed.length} functions are left alone in chunks`);
  const server = path.join(app, ".output/server");
  const bundles = [...new Set(inThem.flatMap(filesOf))];
  const others = (all) => [...all].flatMap(([channel, of]) => of.map(({ calls }) => [channel, JSON.stringify(calls)])).filter(([channel, calls]) => !inPackages.get(channel)?.includes(calls));
  const inOrder = published(server, bundles);
  const count = [...inOrder.values()].flat().length;
  console.log(`${age}: ${count} functions in chunks`);
  inChunks += count;
  for (const [channel, calls] of others(inOrder)) fail(`${age}: in a chunk ${channel} publishes ${calls}, in its package ${inPackages.get(channel)}`);
  // A control: functions that no longer publish their end.
  if (others(published(server, bundles.slice(0, 1), (text) => text.replaceAll(".end.publish(", ".end.toString("))).length === 0) fail("no control: what publishes no end passes");
}

for (const [at, age] of ["new", "old"].entries()) {
  const app = path.join(fs.realpathSync(work), age);
  install(app, { "@sentry/node": sdk, ...Object.fromEntries(Object.entries(libraries).map(([name, both]) => [name, both[at]])) });
  const all = injected(app);
  const inPackages = new Map();
  for (const library of all) {
    const results = compared(program, app, library);
    files += results.length;
    for (const { file, verdict } of results.filter(({ verdict }) => verdict !== "same")) fail(`${library.name} ${library.version}, ${file}: ${verdict}`);
    const calls = published(path.join(app, ".output/server"), filesOf(library));
    // A channel has the name of its package.
    for (const [channel, of] of calls) inPackages.set(channel, [...(inPackages.get(channel) ?? []), ...of.map(({ calls }) => JSON.stringify(calls))]);
    const silent = library.functions.filter(isInjected).filter(({ channel }) => !calls.get(channel)?.every(starts));
    for (const { file, function: name } of silent) fail(`${library.name} ${library.version}, ${file}: ${name} publishes nothing when it is called`);
    called += [...calls.values()].flat().length;
    versions.set(library.name, new Set(versions.get(library.name)).add(library.version));
  }
  for (const minify of [false, true]) await inChunksOf(app, minify ? `${age}, minified` : age, await bundled(app, all, minify), inPackages, minify);
}
const twice = Object.keys(libraries).filter((name) => versions.get(name)?.size >= 2);
const missing = Object.keys(libraries).filter((name) => !twice.includes(name));
for (const name of missing) fail(`${name}: not injected at two versions`);
if (inChunks < FEWEST_IN_CHUNKS) fail(`only ${inChunks} functions in chunks have channels`);
console.log(`${twice.length} libraries at two versions each, ${files} files: compared with what the SDK's hooks give to Node.js ${node}`);
console.log(`${called} functions in packages called, ${inChunks} in chunks: compared by what they publish`);
console.log(`${wrong} failed`);
process.exit(wrong > 0 || twice.length < FEWEST ? 1 : 0);
