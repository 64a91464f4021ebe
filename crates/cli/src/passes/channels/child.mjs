// Injects channels into library code with the SDK of the app: its list of functions and its transformer. Reads files of the SDK
// alone, and writes nothing but manifests of packages, to a directory for temporary files. `request` is
//
//   { sdk, packages: [{ name, version, files }] }                  the directory of the SDK's client, and what the build has
//   { …, wanted: [[package, file], …], texts: [{ text, module }], chunks }
//                                             texts, and whether Node runs them as ES modules; and chunks, as `chunks.mjs` has them
//
// and the answer one of
//
//   { packages, wanted }                     the names that the list has, and the files that an entry of it names
//   { files: [{ text, functions }], chunks, module, subscribed, hooks }        in the order of the texts, and of the chunks
//   { error }

import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { tracingChannel } from "node:diagnostics_channel";

// What packages print does not belong to the answer.
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);
const say = (value) => new Promise((done) => write(`${JSON.stringify(value)}\n`, done));

/** The SDK's list of functions, and its transformer for a part of that list. */
function toolsOf(directory) {
  const require = createRequire(path.join(directory, "package.json"));
  const { SENTRY_INSTRUMENTATIONS: all } = require("@sentry/server-utils/orchestrion/config");
  if (!Array.isArray(all) || !all.every((entry) => typeof entry.module?.name === "string" && entry.module.filePath && entry.channelName)) {
    throw new Error("the SDK's list of functions has another form than the one that is known");
  }
  // The others belong to Sentry's plugins for bundlers; its loader hooks leave them out as well.
  return { entries: all.filter((entry) => !entry.transform), transformerOf: transformers(require), require };
}

function transformers(require) {
  const { createLoadHookTransform } = require("@sentry/server-utils/orchestrion/load-hook");
  return (instrumentations) => createLoadHookTransform({ instrumentations });
}

const names = ({ filePath }, file) => (typeof filePath === "string" ? filePath === file : filePath.test(file));
const channelOf = (entry) => `orchestrion:${entry.module.name}:${entry.channelName}`;

/** A function of the list, for people. */
function described({ functionQuery = {}, astQuery }) {
  const { className, methodName, privateMethodName, functionName, expressionName, objectName, propertyName } = functionQuery;
  const method = methodName ?? (privateMethodName && `#${privateMethodName}`);
  if (className) return `${className}.${method ?? "constructor"}`;
  return method ?? functionName ?? expressionName ?? (propertyName && `${objectName}.${propertyName}`) ?? astQuery?.replace(/\s+/g, " ") ?? "?";
}

/** Transforms texts as files of packages that lie in a directory of our own: the SDK takes name and version from there. */
class Transformer {
  constructor(transformerOf) {
    this.transformerOf = transformerOf;
    this.place = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), "presentry-"));
    process.on("exit", () => fs.rmSync(this.place, { recursive: true, force: true }));
  }

  /** The text with channels, and else why not. The SDK swallows its errors, and prints them. */
  run(entries, { name, version }, module, text) {
    const directory = path.join(this.place, "node_modules", name);
    fs.mkdirSync(directory, { recursive: true });
    fs.writeFileSync(path.join(directory, "package.json"), JSON.stringify({ name, version }));
    // The SDK tells the kind of a `.js` file by a look for imports, and Node by its package.
    const filePath = module ? "presentry-file.mjs" : "presentry-file.cjs";
    const given = entries.map((entry) => ({ ...entry, module: { ...entry.module, filePath } }));
    let said;
    const { warn } = console;
    console.warn = (...what) => (said = what.find((one) => one instanceof Error) ?? new Error(String(what[0])));
    try {
      const code = this.transformerOf(given)(path.join(directory, filePath), text);
      return { code, why: said };
    } catch (error) {
      return { why: error };
    } finally {
      console.warn = warn;
    }
  }
}

const ABSENT = /Failed to find injection points/;

/** What becomes of one file: its new text, and of each function that the list names whether it was found. */
function injected(transformer, entries, of, { text, module }) {
  const whole = transformer.run(entries, of, module, text);
  const functions = entries.map((entry) => {
    const state = () => {
      const channels = entries.filter((other) => channelOf(other) === channelOf(entry));
      if (channels.length === 1 && whole.code?.includes(JSON.stringify(channelOf(entry)))) return { state: "injected" };
      const alone = transformer.run([entry], of, module, text);
      if (alone.code !== undefined) return whole.code === undefined ? failed(whole.why) : { state: "injected" };
      if (!alone.why) return { state: "out-of-range", why: entry.module.versionRange };
      return ABSENT.test(alone.why.message) ? { state: "absent" } : failed(alone.why);
    };
    return { function: described(entry), channel: channelOf(entry), ...state() };
  });
  return { text: whole.code ?? null, functions };
}

const failed = (error) => ({ state: "failed", why: (error?.message ?? "the transformer gives no reason").split("\n")[0] });

/** Starts the SDK as a server with the marker would, and sees which channels it subscribes to, and whether it registers hooks. */
async function trial(require, directory, packages, channels) {
  const module = require("node:module");
  const hooks = [];
  for (const name of ["register", "registerHooks"]) {
    if (module[name]) module[name] = () => hooks.push(name);
  }
  globalThis.__SENTRY_ORCHESTRION__ = { runtime: packages };
  const Sentry = require(directory);
  const transport = () => ({ send: async () => ({}), flush: async () => true });
  Sentry.init({ dsn: "https://key@localhost/1", tracesSampleRate: 1, transport });
  // A subscription may wait for the context of the client.
  await new Promise((done) => setTimeout(done, 0));
  const has = (channel) => {
    const { start, end, asyncStart, asyncEnd, error } = tracingChannel(channel);
    return [start, end, asyncStart, asyncEnd, error].some((one) => one.hasSubscribers);
  };
  return { subscribed: channels.filter(has), hooks };
}

async function run({ sdk, packages, wanted, texts, chunks }) {
  const { entries, transformerOf, require } = toolsOf(sdk);
  const entriesOf = (of, file) => entries.filter((entry) => entry.module.name === of.name && names(entry.module, file));
  if (!texts) {
    const named = packages.flatMap((of, at) => of.files.flatMap((file, number) => (entriesOf(of, file).length > 0 ? [[at, number]] : [])));
    return { packages: [...new Set(entries.map((entry) => entry.module.name))].sort(), wanted: named };
  }
  const transformer = new Transformer(transformerOf);
  const files = wanted.map(([at, number], index) => injected(transformer, entriesOf(packages[at], packages[at].files[number]), packages[at], texts[index]));
  const done = (index) => files[index].functions.filter(({ state }) => state === "injected");
  const inChunks = chunksOf(transformer, chunks, entriesOf);
  const ofChunks = inChunks.chunks.flatMap(({ parts }, chunk) => parts.flatMap((functions, part) => functions.filter(({ state }) => state === "injected").map(({ channel }) => [chunks[chunk].parts[part].name, channel])));
  const channels = new Set([...files.flatMap((_, index) => done(index).map(({ channel }) => channel)), ...ofChunks.map(([, channel]) => channel)]);
  const libraries = new Set([...wanted.filter((_, index) => done(index).length > 0).map(([at]) => packages[at].name), ...ofChunks.map(([name]) => name)]);
  return { files, ...inChunks, ...(await trial(require, sdk, [...libraries], [...channels])) };
}

/** The chunks with channels. Packages get theirs where the SDK works in another way than is known here. */
function chunksOf(transformer, chunks, entriesOf) {
  try {
    return chunked(transformer, chunks, entriesOf);
  } catch (error) {
    const functions = (part) => entriesOf(part, part.file).map((entry) => ({ function: described(entry), channel: channelOf(entry), ...failed(error) }));
    return { chunks: chunks.map(({ parts }) => ({ edits: [], names: [], parts: parts.map(functions) })), module: null };
  }
}

try {
  await say(await run(request));
} catch (error) {
  await say({ error: String(error.message ?? error).split("\n")[0] });
}
process.exit(0);
