// Tries a bundle that injects channels into libraries, before it is used: Sentry is started through it, and has to instrument a
// stand-in for a library in each kind of module. Every trial is a process of its own; what it needs lies in a temporary directory.

import { spawn } from "node:child_process";
import os from "node:os";

/** Where the SDK notes what it injected; beside it, the bundle registers hooks. (`injects_channels` of the rewriter) */
const injects = (code) => code.includes("__SENTRY_ORCHESTRION__") && /\.register(?:Hooks)?\(/.test(code);

/** What the SDK 10.70 and 10.71 load by name when they register their hooks: no bundler sees that, and the files have to be there. */
const FOUND_AT_RUN_TIME = /["'](@apm-js-collab\/tracing-hooks(?:\/[\w./-]+)?)["']/g;

function noteFoundAtRunTime(code, from) {
  const [, , byName] = code.match(new RegExp(HOOK.source)) ?? [];
  if (byName) throw new Refused("bundle-failed", `it loads \`${byName}\` by name, in a way that is not known`);
  const directories = [...packagesOfSdk(from)].sort(newestFirst);
  for (const [, specifier] of code.matchAll(FOUND_AT_RUN_TIME)) {
    const name = packageName(specifier);
    const directory = directories.find((one) => readManifest(one)?.name === name);
    const file = directory && exported(directory, specifier);
    if (file) external.set(specifier, { reason: "hook", file });
  }
}

const versionOf = (directory) => (readManifest(directory)?.version ?? "0").split(/[.-]/).map(Number);
function newestFirst(one, other) {
  const [a, b] = [versionOf(one), versionOf(other)];
  const at = a.findIndex((part, index) => part !== b[index]);
  return at < 0 ? 0 : b[at] - a[at];
}

/** The file that an `import` of a specifier of a package finds, where its manifest names it. */
function exported(directory, specifier) {
  const { name, exports, main } = readManifest(directory);
  const key = `.${specifier.slice(name.length)}`;
  const target = (value) => (typeof value === "object" && value !== null ? target(value.import ?? value.node ?? value.default) : value);
  const file = target(exports?.[key]) ?? (key === "." ? (main ?? "index.js") : exports ? undefined : key);
  return typeof file === "string" ? path.join(directory, file) : undefined;
}

/** Stand-ins for a CommonJS and an ES module, made after the list of what the SDK instruments; of libraries of the build first. */
async function standIns(from, place) {
  const directory = [...packagesOfSdk(from)].sort(newestFirst).find((one) => readManifest(one)?.exports?.["./orchestrion/config"]);
  const file = directory && exported(directory, `${readManifest(directory).name}/orchestrion/config`);
  if (!file || !fs.existsSync(file)) return undefined;
  const { SENTRY_RUNTIME_INSTRUMENTATIONS, SENTRY_INSTRUMENTATIONS } = await import(pathToFileURL(file).href);
  const ofBuild = new Set(used.map(packageName));
  const plain = (SENTRY_RUNTIME_INSTRUMENTATIONS ?? SENTRY_INSTRUMENTATIONS ?? []).filter(({ channelName, module, functionQuery = {} }) => {
    const { className, methodName, functionName, kind = "Sync", ...more } = functionQuery;
    const simple = Object.keys(more).length === 0 && kind !== "Callback" && (functionName ? !className && !methodName : className && methodName);
    return channelName && simple && /^(?:>=|\^|~)?\d/.test(module.versionRange) && typeof module.filePath === "string";
  });
  const of = (extension) => {
    const fitting = plain.filter(({ module }) => extension.test(module.filePath));
    return fitting.find(({ module }) => ofBuild.has(module.name)) ?? fitting[0];
  };
  const kinds = { commonjs: of(/\.c?js$/), module: of(/\.m?js$/) };
  return kinds.commonjs && kinds.module && Object.entries(kinds).map(([format, entry]) => standIn(path.join(place, format), format, entry));
}

function standIn(place, format, { channelName, module, functionQuery: { className, methodName, functionName } }) {
  const directory = path.join(place, "node_modules", module.name);
  const file = path.join(directory, module.filePath);
  const version = [...module.versionRange.match(/\d+(?:\.\d+)*/)[0].split("."), "0", "0"].slice(0, 3).join(".");
  const text = functionName ? `function ${functionName}() {}\n` : `class ${className} { ${methodName}() {} }\n`;
  const call = functionName ? `() => ${functionName}()` : `() => new ${className}().${methodName}()`;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(path.join(directory, "package.json"), JSON.stringify({ name: module.name, version, type: format }));
  fs.writeFileSync(file, text + (format === "module" ? `export const call = ${call};\n` : `exports.call = ${call};\n`));
  return { name: module.name, format, file, channel: `tracing:orchestrion:${module.name}:${channelName}:start` };
}

/** The bundle at a place of its own, from which it finds the packages of the build, and behind them those of the app. */
function laidOut(place, name, code, modules, beside) {
  const above = [];
  for (let directory = app; ; directory = path.dirname(directory)) {
    if (fs.existsSync(path.join(directory, "node_modules"))) above.unshift(path.join(directory, "node_modules"));
    if (path.dirname(directory) === directory) break;
  }
  let at = path.join(place, name);
  fs.mkdirSync(at);
  for (const packages of [...above, path.join(server, "node_modules")]) {
    at = path.join(at, "in");
    fs.mkdirSync(at);
    if (fs.existsSync(packages)) fs.symlinkSync(packages, path.join(at, "node_modules"), "junction");
  }
  const written = (name, text) => {
    fs.writeFileSync(path.join(at, name), text);
    return pathToFileURL(path.join(at, name)).href;
  };
  if (beside) written(hookName, beside.code);
  const main = written(bundleName, code);
  return modules.length > 0 ? modules.map((text, number) => written(`trial-${number}.mjs`, text)) : [main];
}

/** Node from which on the SDK hooks in the thread of the app, by `module.registerHooks`; before, on one of its own. */
function hooksInThread(node) {
  const [major, minor] = node.split(".").map(Number);
  return major > 25 || (major === 25 && minor >= 1) || (major === 24 && minor >= 13);
}

/** What came of trying a bundle: nothing where it injects no channels. `failed` says what went wrong. */
async function tried({ code, modules, beside }, from) {
  if (!injects(code)) return undefined;
  const node = process.versions.node;
  const place = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), "presentry-trial-"));
  try {
    const kinds = await standIns(from, place);
    if (!kinds) return { node, failed: "the list of what it instruments is not where it was" };
    // The Node that deploys may hook in the other way. A Node that has no `registerHooks` gets one that hands the hooks over.
    const other = hooksInThread(node) ? { pretend: "22.12.0" } : { pretend: "24.13.0", emulate: true };
    const ways = [{}, other];
    const results = await Promise.all(ways.map((way, number) => {
      const text = way.emulate ? code.replace(/\bfrom\s*(["'])(?:node:)?module\1/g, 'from "./trial-module.mjs"') : code;
      const urls = laidOut(place, `way-${number}`, text, modules, beside);
      if (way.emulate) fs.writeFileSync(new URL("trial-module.mjs", urls[0]), TRIAL_MODULE);
      const wanting = urls.filter((_, number) => !asked[number] || asked[number].includes("init"));
      return inProcess({ ...way, urls: [...wanting, ...urls.filter((url) => !wanting.includes(url))], kinds, turnsOn: TURNS_ON }, place);
    }));
    const where = (way) => (way.pretend ? `as on Node.js ${way.pretend}` : `on Node.js ${node}`);
    const failed = results.map((result, number) => result.failed && `${where(ways[number])}, ${result.failed}`);
    return { node, ways: results.map(({ how }) => how), failed: failed.find(Boolean) };
  } finally {
    fs.rmSync(place, { recursive: true, force: true });
  }
}

/** What Node exports, with a `registerHooks`: one that is added to it is not seen by who imports all of it. */
const TRIAL_MODULE = `import module from "node:module";
export * from "node:module";
export default module;
export const registerHooks = (hooks) => module.registerHooks(hooks);
`;

/** The function of version 10 that turns the injection on. */
const TURNS_ON = "experimentalUseDiagnosticsChannelInjection";

/** Ends a trial that hangs. */
const TRIAL_LIMIT = 30_000;

function inProcess(trial, place) {
  // What is set for the app's own processes must not reach this one, and no event may leave it.
  const kept = Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS" && !name.startsWith("SENTRY_"));
  const child = spawn(process.execPath, ["--input-type=module", "-"], { cwd: place, env: Object.fromEntries(kept), stdio: ["pipe", "pipe", "pipe", "pipe"], timeout: TRIAL_LIMIT, killSignal: "SIGKILL" });
  const heard = ["", "", "", ""];
  for (const number of [1, 2, 3]) child.stdio[number].on("data", (bytes) => (heard[number] += bytes));
  child.stdin.on("error", () => {});
  child.stdin.end(`const trial = ${JSON.stringify(trial)};\nawait (${trialProcess})(trial);\n`);
  return new Promise((resolve) => {
    child.on("error", (error) => resolve({ failed: error.message }));
    child.on("close", (exit, signal) => {
      const said = `${heard[2]}\n${heard[1]}`.split("\n").find((line) => line.includes("[Sentry]"))?.trim();
      let result;
      try {
        result = JSON.parse(heard[3]);
      } catch {
        result = { failed: `the trial ended with ${signal ?? `exit code ${exit}`}: ${heard[2].trim().split("\n").slice(-1)[0]}` };
      }
      if (result.failed) result.failed += said ? `; the SDK prints \`${said.replaceAll("`", "'")}\`` : "; the SDK prints nothing";
      resolve(result);
    });
  });
}

/** Runs in the process of a trial, and has nothing from outside. */
async function trialProcess({ urls, kinds, turnsOn, pretend, emulate }) {
  const { default: fs } = await import("node:fs");
  const { default: module, createRequire } = await import("node:module");
  const { subscribe } = await import("node:diagnostics_channel");
  const { pathToFileURL } = await import("node:url");
  const heard = new Set();
  for (const { channel, format } of kinds) subscribe(channel, () => heard.add(format));
  if (pretend) Object.defineProperty(process, "versions", { value: { ...process.versions, node: pretend } });
  const compile = module.prototype._compile;
  const how = new Set();
  let hooks;
  for (const name of ["register", "registerHooks"]) {
    const original = module[name];
    if (!original && !emulate) continue;
    module[name] = (...given) => {
      how.add(name);
      if (!(emulate && name === "registerHooks")) return original(...given);
      hooks = given[0];
      return { deregister() {} };
    };
  }
  module.syncBuiltinESMExports();
  const answer = (result) => {
    fs.writeSync(3, JSON.stringify({ how: [...how], ...result }));
    process.exit(0);
  };
  const isOn = () => globalThis.__SENTRY_ORCHESTRION__?.runtime !== undefined;
  const transport = () => ({ send: async () => ({}), flush: async () => true });
  try {
    for (const url of urls) {
      const sdk = await import(url);
      sdk[turnsOn]?.();
      const init = sdk.init ?? sdk.initWithoutDefaultIntegrations;
      if (!isOn()) init?.({ dsn: "http://key@127.0.0.1:9/1", tracesSampleRate: 1, transport });
      if (isOn()) break;
    }
  } catch (error) {
    answer({ failed: `Sentry did not start: ${error?.message ?? error}` });
  }
  if (!isOn()) answer({ failed: "Sentry registered no hooks" });
  if (emulate && !hooks) answer({ failed: "Sentry registered its hooks in a way that is not known" });
  const loaded = async ({ file, format }) => {
    const url = pathToFileURL(file).href;
    if (!hooks) return format === "module" ? import(url) : createRequire(url)(file);
    hooks.resolve?.(url, { conditions: [], importAttributes: {} }, () => ({ url, format }));
    const { source } = hooks.load(url, { format, importAttributes: {} }, () => ({ format, source: format === "module" ? fs.readFileSync(file) : null }));
    const text = String(typeof source === "string" ? source : Buffer.from(source ?? fs.readFileSync(file)));
    if (format === "module") return import(`data:text/javascript,${encodeURIComponent(text)}`);
    const made = new module(file);
    compile.call(made, text, file);
    return made.exports;
  };
  // The trial does not judge what a subscriber of the SDK makes of a stand-in.
  process.on("uncaughtException", () => {});
  for (const kind of kinds) {
    // Both may be of one library, and publish on one channel.
    heard.clear();
    try {
      const { call } = await loaded(kind);
      await call();
    } catch (error) {
      answer({ failed: `\`${kind.name}\` did not load: ${error?.message ?? error}` });
    }
    if (!heard.has(kind.format)) answer({ failed: `${kind.format === "module" ? "an ES module" : "a CommonJS module"} of \`${kind.name}\` is not instrumented` });
  }
  answer({});
}

