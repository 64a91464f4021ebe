// Injects channels into libraries that a bundler put into chunks, as insertions: bodies and every other byte stay. The matcher and
// the transformer are the SDK's. The matcher tells where a function is; of the transformer only what it puts around a body is taken,
// and what comes out is compared with what the transformer makes of the library's part of the chunk. Where anything is uncertain,
// nothing is inserted there, and the answer has the reason.

/** The names that the transformer gives to what it declares. */
const OWN = /\btr_ch_apm/;
const WORD = /^[\w$]+$/;

/** Whether Sentry's build plugin has injected a library: by what it says then, as `instrumented_by_plugin` knows it, or by its names. */
function isByPlugin(text, name) {
  const said = /(?:__SENTRY_ORCHESTRION_INJECT__\s*=[^(]{0,100}\(\s*["'`]|\btr_ch_apm\$[\w$]+\s*=[^(]{0,100}\(\s*["'`]orchestrion:)([^"'`:]+)["'`:]/g;
  return [...text.matchAll(said)].some(([, of]) => of === name);
}

/** A package for texts that belong to none, and a range that every version is in. */
const OURS = { name: "presentry", version: "1.0.0" };
const ALL = ">=0.0.0-0";

/** What the parser, the matcher and the printer of the SDK tell of a text: they are reached through an entry of our own. */
class Reader {
  constructor(transformer) {
    this.transformer = transformer;
    const [found] = this.matches({ channelName: "c", functionQuery: {}, module: {} }, OURS, true, "\nfunction f() {}", "FunctionDeclaration");
    if (found?.node.start !== 1 || found.node.end !== 16) throw new Error("the matcher of the SDK does not tell where a function is");
  }

  /** The nodes that the transformer would change, in its order, with what surrounds them. */
  matches(entry, of, module, text, astQuery = entry.astQuery) {
    const found = [];
    const transform = ({ functionQuery }, node, parent, ancestry) => void found.push({ node, parent, program: ancestry.at(-1) ?? node, functionQuery });
    const own = { ...entry, transform, astQuery, module: { ...entry.module, name: of.name, versionRange: ALL } };
    const { code, why } = this.transformer.run([own], of, module, text);
    if (code === undefined && why && !ABSENT.test(why.message)) throw why;
    // A class that a variable holds is told twice. The transformer does nothing with the variable, nor with a class that has the
    // method itself.
    const has = ({ node, functionQuery: { methodName } }) => !methodName || node.body.body.some(({ key }) => key?.name === methodName);
    return found.filter((one) => one.node.type !== "VariableDeclarator" && !(isClass(one.node) && has(one)));
  }

  /** The syntax tree of a text. */
  program(text) {
    return this.matches({ channelName: "c", functionQuery: {}, module: {} }, OURS, true, text, "Program")[0].node;
  }

  /** The statements of a text as the SDK prints them, but for those that declare what the SDK needs. */
  printed(text) {
    const all = { channelName: "c", functionQuery: {}, module: { name: OURS.name, versionRange: ALL }, astQuery: "Program", transform: () => {} };
    const { code, why } = this.transformer.run([all], OURS, true, text);
    if (code === undefined) throw why ?? new Error("the parser of the SDK gives no reason");
    return this.program(code).body.filter((statement) => !isOwn(statement)).map(({ start, end }) => code.slice(start, end)).join("\n");
  }
}

/** Whether a statement declares what the transformer needs. */
function isOwn(statement) {
  const named = (id) => (id?.type === "ObjectPattern" ? id.properties.some(({ value }) => named(value)) : OWN.test(id?.name ?? ""));
  if (statement.type === "ImportDeclaration") return statement.specifiers.some(({ local }) => named(local));
  return statement.type === "VariableDeclaration" && statement.declarations.every(({ id }) => named(id));
}

const isClass = ({ type }) => type.startsWith("Class");
const isDefinition = ({ type }) => /^(Class|Function|ArrowFunction)(Expression|Declaration)$/.test(type);
const isMethod = (parent) => parent?.type === "MethodDefinition" || (parent?.type === "Property" && (parent.method || parent.kind !== "init"));

/** The functions and classes of a syntax tree in its order, with the node that each is in. */
function definitionsIn(tree) {
  const found = [];
  const left = [[tree, undefined]];
  while (left.length > 0) {
    const [node, parent] = left.pop();
    const isNode = typeof node?.type === "string";
    if (isNode && isDefinition(node)) found.push({ node, parent });
    const keys = isNode ? Object.keys(node).filter((key) => key !== "loc" && key !== "range") : Array.isArray(node) ? Object.keys(node) : [];
    for (const key of keys.reverse()) left.push([node[key], isNode ? node : parent]);
  }
  return found;
}

/** What a bundler keeps of a function: how it is called, and what its parameters are. */
const shape = ({ node }) => (isClass(node) ? "Class" : [node.type === "ArrowFunctionExpression", node.async, node.generator, ...node.params.map(({ type }) => type)].join());

/** Bundlers give a name a number where another module of the chunk has it. */
const RENAMED = ["functionName", "expressionName", "className"];

function candidates(query, text) {
  const renamed = RENAMED.filter((key) => WORD.test(query[key] ?? ""));
  return renamed.reduce((all, key) => {
    const name = query[key].replace(/\$/g, "\\$&");
    const names = new Set([query[key], ...(text.match(new RegExp(`(?<![\\w$])${name}\\$\\d+(?![\\w$])`, "g")) ?? [])]);
    return all.flatMap((one) => [...names].map((other) => ({ ...one, [key]: other })));
  }, [query]);
}

const CHANGED = "the bundler changed the function, or a part of it";
const SEVERAL = "more than one function of the chunk may be it";

/** Finds functions by their names in lines of a chunk: there are as many as in the library's own file, and they look like those. */
function byName(reader, chunk, of, lines) {
  const range = statementsIn(chunk, lines);
  if (!range) return () => [];
  const part = chunk.text.slice(...range);
  const at = ({ node }) => `${node.start + range[0]}-${node.end + range[0]}`;
  return (entry, query, expected) => {
    const wanted = expected.map(shape).join(";");
    const tried = candidates(query, part).map((functionQuery) => reader.matches({ ...entry, functionQuery }, of, true, part));
    // A class may have both names, one for what is in it.
    const places = new Set(tried.filter((found) => found.map(shape).join(";") === wanted).map((found) => found.map(at).join()));
    if (places.size > 1) throw new Error(SEVERAL);
    const [found] = places;
    if (found !== undefined) return found.split(",").map((place) => chunk.definitions.find(({ node }) => `${node.start}-${node.end}` === place));
    const name = query.methodName ?? query.privateMethodName ?? query.functionName ?? query.expressionName ?? query.propertyName ?? query.className;
    if (name && !part.includes(name)) return [];
    throw new Error(CHANGED);
  };
}

/** Where a function or class begins; its `export` may be told as that. */
const begins = ({ node, parent }) => [...(/^Export(Named|Default)Declaration$/.test(parent?.type) ? [parent.start] : []), isMethod(parent) ? parent.start : node.start];

/** Where its name and its parameters begin. The maps of bundlers and minifiers have places for all of these. */
const landmarks = ({ node, parent }) => [isMethod(parent) ? parent.key : node.id, ...(node.params ?? [])].map((one) => one?.start);

/** Finds functions by a source map: what begins where the one in the library's own file does, and has no other part of it elsewhere. */
function byMap(chunk, original, tokens) {
  const sources = new Map(tokens.map(([line, column, ...source]) => [`${line}:${column}`, source.join(":")]));
  const told = (at) => (at === undefined ? undefined : sources.get(chunk.placeOf(at).join(":")));
  const all = chunk.definitions.map((one) => ({ one, begin: begins(one).map(told).find(Boolean), marks: landmarks(one).map(told) }));
  const placeIn = placesOf(original.text);
  const isIn = (one) => {
    const [[first, start], [last, end]] = [begins(one)[0], one.node.end].map(placeIn);
    const within = ([, , line, column]) => (line > first || (line === first && column >= start)) && (line < last || (line === last && column < end));
    return tokens.some(within);
  };
  return (_entry, _query, expected) =>
    expected.filter(isIn).map((wanted) => {
      const place = (at) => (at === undefined ? undefined : placeIn(at).join(":"));
      const [starts, marks] = [begins(wanted).map(place), landmarks(wanted).map(place)];
      const [found, ...others] = all.filter(({ one, begin }) => starts.includes(begin) && isClass(one.node) === isClass(wanted.node));
      if (others.length > 0) throw new Error(SEVERAL);
      if (!found || shape(found.one) !== shape(wanted) || found.marks.some((is, at) => is && is !== marks[at])) throw new Error(CHANGED);
      return found.one;
    });
}

/** Skips white space and comments. */
function skip(text, at) {
  return at + /^(?:\s|\/\/[^\n\r\u2028\u2029]*|\/\*[^]*?\*\/)*/.exec(text.slice(at))[0].length;
}

function expect(text, at, token) {
  const start = skip(text, at);
  if (!text.startsWith(token, start)) throw new Error(`there is no \`${token}\` where one should be`);
  return start;
}

/** Where the words stand that make a function what it is: before its name, from a place on. */
function modifiers(text, at, node, ofMethod) {
  const found = [];
  let start = skip(text, at);
  if (ofMethod && /^static(?![\w$]|\s*\()/.test(text.slice(start))) start = skip(text, start + "static".length);
  if (node.async) {
    found.push({ at: expect(text, start, "async"), remove: "async" });
    start = skip(text, found[0].at + "async".length);
  }
  if (!ofMethod) start = expect(text, start, "function") + "function".length;
  if (node.generator) {
    found.push({ at: expect(text, start, "*"), remove: "*" });
    start = found.at(-1).at + 1;
  }
  return { found, after: start };
}

const isConstructor = ({ methodName, privateMethodName, functionName, expressionName, propertyName }) =>
  methodName === "constructor" || !(methodName || privateMethodName || functionName || expressionName || propertyName);

/** Calls of `super` that belong to a constructor itself. */
function superCalls(node) {
  if (node === null || typeof node !== "object") return [];
  if (Array.isArray(node)) return node.flatMap(superCalls);
  if (["ClassBody", "FunctionExpression", "FunctionDeclaration"].includes(node.type)) return [];
  if (node.type === "CallExpression" && node.callee.type === "Super") return [node];
  return Object.keys(node).filter((key) => key !== "loc" && key !== "range").flatMap((key) => superCalls(node[key]));
}

/** Calls of methods of `super`. The transformer knows no other use of them, and would change those of a class in the body as well. */
function superMembers(node, inner = false) {
  if (node === null || typeof node !== "object") return [];
  if (Array.isArray(node)) return node.flatMap((one) => superMembers(one, inner));
  const uses = (one) => one?.type === "MemberExpression" && one.object.type === "Super";
  if (uses(node) || (uses(node.callee) && (inner || node.optional || node.callee.computed || node.callee.property.type !== "Identifier"))) {
    throw new Error("its body uses `super` in a way that is not known");
  }
  const below = inner || ["ClassBody", "FunctionExpression", "FunctionDeclaration"].includes(node.type);
  const keys = Object.keys(node).filter((key) => key !== "loc" && key !== "range" && !(key === "callee" && uses(node.callee)));
  return [...(uses(node.callee) ? [node] : []), ...keys.flatMap((key) => superMembers(node[key], below))];
}

/** What the transformer makes of a call of a method of `super`. */
function superEdits(text, { callee, arguments: given }) {
  const whole = text.slice(callee.start, callee.end);
  if (whole.includes("\n")) throw new Error("its body uses `super` in a way that is not known");
  const open = expect(text, callee.end, "(") + 1;
  return [{ at: callee.start, remove: whole, insert: `__apm$super["${callee.property.name}"].call` }, { at: open, insert: given.length > 0 ? "this, " : "this" }];
}

/** A function of the same kind with nothing in it but calls of `super`, and what the transformer puts around that. */
function around(reader, layers, node, of, members) {
  const parameters = node.params.map(({ type }, at) => (type === "RestElement" ? `...p${at}` : type === "AssignmentPattern" ? `p${at} = 0` : `p${at}`)).join(", ");
  const isArrow = node.type === "ArrowFunctionExpression";
  const head = isArrow ? `${node.async ? "async " : ""}(${parameters}) =>` : `${node.async ? "async " : ""}function${node.generator ? "*" : ""} (${parameters})`;
  const constructs = !isArrow && layers.some(({ query }) => isConstructor(query));
  const superCall = constructs && superCalls(node.body).length > 0;
  // Only in a constructor may `super` be called, so there the function is one.
  // A method alone may use what it has of `super`.
  const method = `${node.async ? "async " : ""}${node.generator ? "*" : ""}presentry(${parameters}) { "presentry-body"; ${members.map((name) => `super.${name}();`).join(" ")} }`;
  const inClass = (text) => `class Presentry extends Object { ${text} }`;
  const bare = members.length > 0 ? inClass(method) : `presentry = ${head} { "presentry-body"; };`;
  const stub = superCall ? inClass(`constructor(${parameters}) { super("presentry-body"); }`) : bare;
  const astQuery = superCall || members.length > 0 ? "MethodDefinition > FunctionExpression" : `AssignmentExpression[left.name=presentry] > ${node.type.replace("Declaration", "Expression")}`;
  const entries = layers.map(({ entry, query, key }) => ({ ...entry, channelName: key, astQuery, functionQuery: { ...query, index: null } }));
  const { code, why } = reader.transformer.run(entries.map((entry) => ({ ...entry, module: { ...entry.module, name: of.name, versionRange: ALL } })), of, true, stub);
  if (code === undefined) throw why ?? new Error("the transformer of the SDK does not change it");
  const program = reader.program(code);
  const own = program.body.filter(isOwn).map(({ start, end }) => code.slice(start, end));
  const functions = definitionsIn(program.body.filter((statement) => !isOwn(statement))).map(({ node }) => node).filter((one) => !isClass(one));
  const outer = functions[0];
  const holds = ({ body }) => body?.type === "BlockStatement" && body.body.length === 1 + members.length && body.body[0].type === "ExpressionStatement" && code.slice(body.start, body.end).includes("presentry-body");
  const inner = functions.find((one) => one !== outer && holds(one));
  if (!inner) throw new Error("the transformer of the SDK puts the body in another place");
  const line = (from, to) => code.slice(from, to).replace(/\s*\n\s*/g, " ");
  const from = isArrow ? outer.start : outer.params[0].start;
  const place = superCall ? /\(super\("presentry-body"\)(, [^)]*)\)/.exec(code) : null;
  return { prefix: line(from, inner.start), suffix: line(inner.end, outer.end), isArrow: inner.type === "ArrowFunctionExpression", superSuffix: superCall ? place?.[1] : undefined, own };
}

/** The insertions for a function of a chunk. */
function editsOf(reader, layers, { node, parent }, of, text) {
  // What moves into an arrow function keeps its `super`.
  const keepsSuper = node.type === "ArrowFunctionExpression" || layers.some(({ query }) => isConstructor(query));
  const superUses = keepsSuper ? [] : superMembers(node.body);
  const members = [...new Set(superUses.map(({ callee }) => callee.property.name))];
  const { prefix, suffix, isArrow, superSuffix, own } = around(reader, layers, node, of, members);
  if (node.type === "ArrowFunctionExpression") return { edits: [{ at: node.start, insert: prefix }, { at: node.end, insert: suffix }], own };
  const ofMethod = isMethod(parent);
  const { found, after } = modifiers(text, ofMethod ? parent.start : node.start, node, ofMethod);
  const open = expect(text, ofMethod ? node.start : node.id ? node.id.end : after, "(") + 1;
  const edits = found.map(({ at, remove }) => ({ at, remove, insert: "" }));
  if (isArrow) {
    const last = node.params.at(-1);
    let close = skip(text, last ? last.end : open);
    if (last && text[close] === ",") close = skip(text, close + 1);
    close = expect(text, close, ")") + 1;
    edits.push({ at: open, insert: `${prefix}${node.async ? "async " : ""}(` }, { at: close, insert: " =>" });
    for (const call of superCalls(node.body)) {
      if (!superSuffix) throw new Error("it calls `super` in a way that is not known");
      edits.push({ at: call.start, insert: "(" }, { at: call.end, insert: `${superSuffix})` });
    }
  } else {
    edits.push({ at: open, insert: `${prefix}${node.async ? "async " : ""}function${node.generator ? "*" : ""} (` });
  }
  edits.push(...superUses.flatMap((call) => superEdits(text, call)), { at: node.end, insert: suffix });
  return { edits, own };
}

/** Carries edits out. What is taken away leaves as many spaces, so that no place moves but by an insertion. */
function edited(text, edits) {
  let made = "";
  let last = 0;
  for (const { at, remove = "", insert } of edits) {
    if (at < last || !text.startsWith(remove, at)) throw new Error("two changes meet");
    made += text.slice(last, at) + insert + " ".repeat(remove.length);
    last = at + remove.length;
  }
  return made + text.slice(last);
}

/** In order. Of what is inserted at the same place, the inner goes between: a function that starts there goes on, and one that ends there is closed first. */
const inOrder = (edits) => edits.map((edit, number) => ({ ...edit, number })).sort((one, other) => one.at - other.at || one.number - other.number).map(({ number, ...edit }) => edit);

/** The names of the variables that hold the channels, which no two packages share. */
class Variables {
  constructor() {
    this.keys = new Map();
    this.channels = new Map();
    this.preamble = undefined;
  }

  /** The channel as the transformer is told of it. */
  key(entry) {
    const channel = channelOf(entry);
    if (!this.keys.has(channel)) {
      const plain = `${entry.module.name}_${entry.channelName}`.replace(/\W/g, "_");
      const taken = new Set(this.keys.values());
      let key = plain;
      for (let number = 1; taken.has(key); number++) key = `${plain}_${number}`;
      this.keys.set(channel, key);
    }
    return this.keys.get(channel);
  }

  /** Notes what the transformer declared for a function. */
  note(own, layers) {
    const rest = [];
    for (const statement of own) {
      const [, variable, , key, more] = /^const (tr_ch_apm\$[\w$]+) = tr_ch_apm_tracingChannel\("orchestrion:([^":]+):([^":]+)((?::[^":]+)?)"\);?$/.exec(statement) ?? [];
      if (!variable) rest.push(statement);
      const layer = layers.find((one) => one.key === key);
      if (variable && !layer) throw new Error("the transformer of the SDK declares another channel");
      if (variable) this.channels.set(variable, `${channelOf(layer.entry)}${more}`);
    }
    const preamble = rest.join("\n");
    this.preamble ??= preamble;
    if (this.preamble !== preamble) throw new Error("the transformer of the SDK declares other things for each function");
  }

  /** The module that makes the channels, once for all chunks. */
  module(names) {
    const used = [...this.channels].filter(([variable]) => names.has(variable));
    const made = used.map(([variable, channel]) => `const ${variable} = tr_ch_apm_tracingChannel(${JSON.stringify(channel)});\n`);
    return `${this.preamble}\n${made.join("")}export { ${[...names].sort().join(", ")} };\n`;
  }
}

/** The line and the column of a place in a text, both from 0 and in units of UTF-16, as source maps have them. */
function placesOf(text) {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (at) => {
    let [line, behind] = [0, starts.length];
    while (behind - line > 1) {
      const middle = (line + behind) >> 1;
      if (starts[middle] <= at) line = middle;
      else behind = middle;
    }
    return [line, at - starts[line]];
  };
}

/** The range of the top-level statements of a chunk in lines of it; none may reach over them. */
function statementsIn({ program, placeOf }, [first, behind]) {
  const line = (at) => placeOf(at)[0];
  const inside = program.body.filter(({ start, end }) => line(end) >= first && line(start) < behind);
  if (inside.some(({ start, end }) => line(start) < first || line(end) >= behind)) throw new Error("its part of the chunk cannot be told from the rest");
  return inside.length === 0 ? undefined : [inside[0].start, inside.at(-1).end];
}

/** What becomes of the part of a chunk that one file of a library is in. */
function partOf(reader, variables, chunk, { entries, of, original, place }) {
  const told = (entry, state, why) => ({ function: described(entry), channel: channelOf(entry), state, ...(why && { why }) });
  const inRange = (entry) => !/^out/.test(rangeOf(reader, entry, of));
  const used = entries.filter(inRange);
  const functions = entries.filter((entry) => !used.includes(entry)).map((entry) => told(entry, "out-of-range", entry.module.versionRange));
  // A library that Sentry's build plugin has injected is done. Its names may be those that would be imported here.
  if (used.length > 0 && isByPlugin(chunk.text, of.name)) return { edits: [], functions: [] };
  try {
    if (used.length > 0 && OWN.test(chunk.text)) throw new Error("something else has injected channels into the chunk");
    const find = place.lines ? byName(reader, chunk, of, place.lines) : byMap(chunk, original, place.tokens);
    const layers = used.flatMap((entry) => {
      const expected = reader.matches(entry, of, original.module, original.text);
      const { isExportAlias, ...query } = expected[0]?.functionQuery ?? {};
      const found = expected.length > 0 ? find(entry, query, expected) : [];
      functions.push(told(entry, found.length > 0 ? "injected" : "absent"));
      if (found.some(({ node }) => isClass(node))) throw new Error("its class does not have the method itself");
      return found.map((target) => ({ entry, query, key: variables.key(entry), target }));
    });
    const edits = [];
    const owns = [];
    for (const statement of chunk.program.body) {
      const inIt = layers.filter(({ target: { node } }) => node.start >= statement.start && node.end <= statement.end);
      // The inner before the outer, as they end in that order.
      const targets = [...new Set(inIt.map(({ target }) => target))].sort((one, other) => one.node.end - other.node.end);
      const made = targets.flatMap((target) => {
        const ofTarget = inIt.filter((layer) => layer.target === target);
        const { edits: insertions, own } = editsOf(reader, ofTarget, target, of, chunk.text);
        owns.push([own, ofTarget]);
        return insertions;
      });
      if (targets.length > 0) check(reader, inIt, of, chunk.text, statement, inOrder(made));
      edits.push(...made);
    }
    owns.forEach(([own, layer]) => variables.note(own, layer));
    return { edits, functions };
  } catch (error) {
    functions.length = entries.length - used.length;
    return { edits: [], functions: [...functions, ...used.map((entry) => told(entry, "failed", failed(error).why))] };
  }
}

/** Whether the SDK's own transformer, given a statement of a chunk, makes the same of it. */
function check(reader, layers, of, text, { start, end }, edits) {
  const part = text.slice(start, end);
  const given = layers.map(({ entry, query, key, target: { node } }) => ({
    ...entry,
    channelName: key,
    astQuery: `${node.type}[start=${node.start - start}][end=${node.end - start}]`,
    functionQuery: { ...query, index: null },
    module: { ...entry.module, versionRange: ALL },
  }));
  const { code, why } = reader.transformer.run(given, of, true, part);
  if (code === undefined) throw why ?? new Error("the transformer of the SDK does not change it");
  const made = edited(part, edits.map((edit) => ({ ...edit, at: edit.at - start })));
  if (reader.printed(made) !== reader.printed(code)) throw new Error("the transformer of the SDK makes another text of it");
}

/** The SDK's matcher decides which versions an entry is for. */
function rangeOf(reader, entry, of) {
  const probe = { ...entry, astQuery: "Program", functionQuery: {}, transform: () => {} };
  return reader.transformer.run([probe], of, true, "presentry();").code === undefined ? "out" : "in";
}

const EXPORTED = /(?<![\w$])tr_ch_apm(?:\$[\w$]+|_hasSubscribers)(?![\w$])/g;

/** Injects into chunks. Each has a text, and the files of libraries that are in it. */
function chunked(transformer, chunks, entriesOf) {
  if (chunks.length === 0) return { chunks: [], module: null };
  const reader = new Reader(transformer);
  const variables = new Variables();
  const names = new Set();
  const made = chunks.map(({ text, parts }) => {
    const given = parts.map((part) => ({ ...part, entries: entriesOf(part, part.file) }));
    let chunk;
    try {
      const program = reader.program(text);
      chunk = { text, program, definitions: definitionsIn(program), placeOf: placesOf(text) };
    } catch (error) {
      const functions = ({ entries }) => entries.map((entry) => ({ function: described(entry), channel: channelOf(entry), ...failed(error) }));
      return { edits: [], names: [], parts: given.map(functions) };
    }
    const done = given.map(({ name, version, ...part }) => partOf(reader, variables, chunk, { ...part, of: { name, version } }));
    const edits = inOrder(done.flatMap((one) => one.edits));
    const declared = [...variables.channels.keys(), "tr_ch_apm_hasSubscribers"];
    const used = new Set(edits.flatMap(({ insert }) => insert.match(EXPORTED) ?? []).filter((name) => declared.includes(name)));
    used.forEach((name) => names.add(name));
    const placed = edits.map(({ at, remove = "", insert }) => ({ line: chunk.placeOf(at)[0], column: chunk.placeOf(at)[1], remove, insert }));
    return { edits: placed, names: [...used].sort(), parts: done.map((one) => one.functions) };
  });
  return { chunks: made, module: names.size > 0 ? variables.module(names) : null };
}
