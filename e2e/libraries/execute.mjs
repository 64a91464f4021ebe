// Calls each function that channels were injected into, alone, and prints what it publishes. Nothing of a library is loaded: the text
// of the function is evaluated where every name it does not have itself is a stub. Standard input is
//
//   { parser, texts: [{ text, channels }] }   a package of npm, and texts; `channels` is the module where a chunk has its channels
//
// and standard output, for each text, `[{ channel, calls }]`: the events of each call of a function, by the way of calling it.

import { tracingChannel } from "node:diagnostics_channel";
import fs from "node:fs";
import { createRequire } from "node:module";
import vm from "node:vm";

const { parser, texts } = JSON.parse(fs.readFileSync(0, "utf8"));
const acorn = createRequire(import.meta.url)(parser);
const EVENTS = ["start", "end", "asyncStart", "asyncEnd", "error"];
/** What JavaScript has by itself; everything else is a stub. */
const INTRINSICS = new Set(vm.runInNewContext("Object.getOwnPropertyNames(globalThis)"));
/** Uses of stubs until one throws, so that no loop goes on for ever. */
let budget = 0;

/** Something that can be called, read, iterated and converted. What is called with functions calls them. */
function stub() {
  const members = new Map();
  return new Proxy(() => {}, {
    get(_, key) {
      spend();
      if (key === "then" || key === Symbol.toStringTag) return undefined;
      if (key === Symbol.toPrimitive) return () => 1;
      if (key === Symbol.iterator || key === Symbol.asyncIterator) return function* () {};
      if (key === "length") return 0;
      if (!members.has(key)) members.set(key, stub());
      return members.get(key);
    },
    set: () => true,
    has: () => true,
    defineProperty: () => true,
    deleteProperty: () => true,
    getPrototypeOf: () => Object.prototype,
    apply: (_, self, given) => called(given),
    construct: (_, given) => called(given),
  });
}

function called(given) {
  spend();
  for (const one of given) if (typeof one === "function" && !isStub(one)) one(null, stub());
  return stub();
}

const spend = () => {
  if (budget-- <= 0) throw new Error("the stubs end here");
};
const isStub = (one) => one.name !== "" && typeof one.name !== "string";

const children = (node) => Object.keys(node).flatMap((key) => (Array.isArray(node[key]) ? node[key] : [node[key]])).filter((one) => typeof one?.type === "string");

/** The functions that declare the context of a call, each with what is above it and the variable of its channel. */
function functionsIn(program, variables) {
  const found = new Map();
  const used = [];
  const walk = (node, above) => {
    if (node.type === "VariableDeclarator" && node.id.name === "__apm$ctx") {
      const at = above.findLastIndex(({ type }) => type.includes("Function"));
      found.set(above[at], { node: above[at], parent: above[at - 1] });
    }
    if (node.type === "Identifier" && variables.has(node.name)) used.push([node.name, above]);
    for (const child of children(node)) walk(child, [...above, node]);
  };
  walk(program, []);
  // Of a function that another one holds, it is the inner that publishes.
  for (const [variable, above] of used) {
    const owner = found.get(above.findLast((node) => found.has(node)));
    if (owner) owner.variable ??= variable;
  }
  return [...found.values()];
}

function* all(node) {
  yield node;
  for (const child of children(node)) yield* all(child);
}

/** The variables of channels, and the names of the channels that they hold. */
const channelsOf = (text) => new Map([...text.matchAll(/(tr_ch_apm\$[\w$]+) = tr_ch_apm_tracingChannel\("([^"]+)"\)/g)].map(([, variable, channel]) => [variable, channel]));

/** An expression of a function that calls the one that was found: `(self, given) => …`. Its own names are none of a minifier. */
function caller({ node, parent }, text) {
  const source = ({ start, end }) => text.slice(start, end).replaceAll("import.meta", "importMeta");
  if (parent.type === "MethodDefinition") {
    const inner = [...all(node)];
    const hidden = [...new Set(inner.filter(({ type }) => type === "PrivateIdentifier").map(({ name }) => name))].filter((name) => name !== parent.key.name || parent.key.type !== "PrivateIdentifier");
    const isConstructor = parent.kind === "constructor";
    const extended = !isConstructor || inner.some(({ type }) => type === "Super") ? " extends presentryBase" : "";
    const member = parent.computed ? `[${source(parent.key)}]` : parent.key.type === "PrivateIdentifier" ? `.${source(parent.key)}` : `[${JSON.stringify(parent.key.name ?? parent.key.value)}]`;
    const self = parent.static ? "this" : "new this()";
    const call = isConstructor ? "new this(...presentryGiven)" : `${self}${member}(...presentryGiven)`;
    return `(() => { const presentryClass = class${extended} { ${hidden.map((name) => `#${name} = presentryStub;`).join(" ")} ${source(parent)} static presentryCall(presentryGiven) { return ${call}; } }; return (presentrySelf, presentryGiven) => presentryClass.presentryCall(presentryGiven); })()`;
  }
  if (parent.type === "Property" && (parent.method || parent.kind !== "init")) {
    const accessor = parent.kind !== "init";
    const member = "presentryObject[Reflect.ownKeys(presentryObject)[0]]";
    return `(() => { const presentryObject = { ${source(parent)} }; return (presentrySelf, presentryGiven) => ${accessor ? member : `${member}.apply(presentrySelf, presentryGiven)`}; })()`;
  }
  return `((presentrySelf, presentryGiven) => (${source(node)}).apply(presentrySelf, presentryGiven))`;
}

/** What a function publishes when it is called in a way. */
async function published(channel, call, given, uses) {
  const events = [];
  const note = (name) => (context) => void events.push([name, context.arguments?.length ?? null, "result" in context, "error" in context]);
  const subscribers = Object.fromEntries(EVENTS.map((name) => [name, note(name)]));
  const channels = tracingChannel(channel);
  channels.subscribe(subscribers);
  budget = uses;
  try {
    const result = call(stub(), given);
    // Iterators publish as they are read.
    const read = typeof result?.next === "function" && !isStub(result.next) ? result.next() : result;
    await Promise.race([read, new Promise((done) => setTimeout(done, 20))]);
  } catch {
    // Stubs do not do what a function wants of them; what was published by then is what counts.
  } finally {
    await new Promise((done) => setImmediate(done));
    channels.unsubscribe(subscribers);
  }
  return events;
}

async function executed({ text, channels }) {
  const options = { ecmaVersion: "latest", allowReturnOutsideFunction: true, allowHashBang: true, allowAwaitOutsideFunction: true };
  const parsed = () => {
    try {
      return acorn.parse(text, { ...options, sourceType: "module" });
    } catch (error) {
      if (channels) throw error;
      return acorn.parse(text, { ...options, sourceType: "script" });
    }
  };
  const variables = channelsOf(channels ?? text);
  const own = Object.fromEntries([...variables].map(([variable, channel]) => [variable, tracingChannel(channel)]));
  own.tr_ch_apm_hasSubscribers = (one) => EVENTS.some((name) => one[name].hasSubscribers);
  class presentryBase {}
  Object.setPrototypeOf(presentryBase.prototype, new Proxy({}, { get: (_, key) => stub()[key] }));
  Object.assign(own, { presentryBase, presentryStub: stub() });
  const scope = new Proxy(own, {
    has: (_, name) => typeof name === "string" && !INTRINSICS.has(name),
    get: (_, name) => (name === Symbol.unscopables ? undefined : Object.hasOwn(own, name) ? own[name] : stub()),
    set: () => true,
  });
  const results = [];
  for (const found of functionsIn(parsed(), variables)) {
    const channel = variables.get(found.variable);
    const call = new Function("presentryScope", `with (presentryScope) { return ${caller(found, text)}; }`)(scope);
    const calls = {
      plain: await published(channel, call, ["a", 1], 2000),
      callback: await published(channel, call, ["a", () => {}], 2000),
      throwing: await published(channel, call, ["a", 1], 0),
    };
    results.push({ channel, calls });
  }
  return results;
}

for (const name of ["log", "warn", "error"]) console[name] = () => {};
process.on("unhandledRejection", () => {});
process.on("uncaughtException", () => {});
try {
  const results = [];
  for (const one of texts) results.push(await executed(one));
  fs.writeFileSync(1, JSON.stringify(results));
  process.exit(0);
} catch (error) {
  fs.writeFileSync(2, `${error.stack}\n`);
  process.exit(1);
}
