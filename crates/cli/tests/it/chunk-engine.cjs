// A stand-in for the parser, the matcher, the printer and the transformer of SDK 11, for texts with one statement a line, of which
// `function name(a, b) { … }` is one. It does what `chunks.mjs` relies on: it hands nodes with places to a `transform` that is a
// function, prints a text anew, puts a wrapper around a body, and declares what that needs.

const FUNCTION = /^(?:export )?(async )?function (\w[\w$]*)?\s*\((.*?)\) \{ ?(.*?) ?\}(;?)$/;
const WRAPPED = /^(?:export )?(?:presentry = )?function ?(\w[\w$]*)?\s*\((__apm\$.*?)\) \{ const __apm\$wrapped = (async )?function \((.*?)\) \{ ?(.*?) ?\}; (return .*) \}(;?)$/;
const IMPORT = 'import tr_ch_apm_dc from "diagnostics_channel";';
const BINDING = "const { tracingChannel: tr_ch_apm_tracingChannel } = tr_ch_apm_dc;";

const parameters = (text, start) =>
  text.split(/,\s*/).filter(Boolean).map((one) => ({ type: one.startsWith("...") ? "RestElement" : "Identifier", start: start + text.indexOf(one), end: start + text.indexOf(one) + one.length }));

function statement(line, start) {
  const end = start + line.length;
  if (line === IMPORT) return { type: "ImportDeclaration", specifiers: [{ local: { name: "tr_ch_apm_dc" } }], start, end };
  if (line === BINDING) return { type: "VariableDeclaration", declarations: [{ id: { type: "ObjectPattern", properties: [{ value: { name: "tr_ch_apm_tracingChannel" } }] } }], start, end };
  const [, variable] = /^const (tr_ch_apm\$\w+) = /.exec(line) ?? [];
  if (variable) return { type: "VariableDeclaration", declarations: [{ id: { name: variable } }], start, end };
  const wrapped = WRAPPED.exec(line);
  const found = wrapped ?? FUNCTION.exec(line.replace("presentry = ", ""));
  if (!found) return { type: "ExpressionStatement", start, end };
  const at = start + line.indexOf(/async function|function/.exec(line)[0]);
  const last = end - (line.endsWith(";") ? 1 : 0);
  const block = (from, to, body) => ({ type: "BlockStatement", start: from, end: to, body });
  const node = (parts) => ({ type: /presentry = /.test(line) ? "FunctionExpression" : "FunctionDeclaration", async: false, generator: false, start: at, end: last, ...parts });
  const [id, params] = wrapped ? [found[1], found[2]] : [found[2], found[3]];
  const open = start + line.indexOf("(") + 1;
  const identifier = id && { type: "Identifier", name: id, start: start + line.indexOf(` ${id}`) + 1, end: start + line.indexOf(` ${id}`) + 1 + id.length };
  const body = start + line.indexOf("{", line.indexOf(")"));
  if (!wrapped) return node({ id: identifier, async: !!found[1], params: parameters(params, open), body: block(body, last, found[4] ? [{ type: "ExpressionStatement" }] : []) });
  const from = start + line.indexOf("wrapped = ") + "wrapped = ".length;
  const to = start + line.lastIndexOf("}; return") + 1;
  const inner = { type: "FunctionExpression", start: from, end: to, params: [], body: block(start + line.indexOf("{", from - start), to, [{ type: "ExpressionStatement" }]) };
  return node({ id: identifier, params: parameters(params, open), body: block(body, last, [inner, { type: "ReturnStatement" }]) });
}

function program(text) {
  let start = 0;
  const body = text.split("\n").flatMap((line) => {
    const at = start + (line.length - line.trimStart().length);
    start += line.length + 1;
    const code = line.replace(/ \/\/ .*$/, "").trim();
    return code === "" || code.startsWith("//") ? [] : [statement(code, at)];
  });
  if (/^\s*class /m.test(text)) throw new Error("Unexpected token");
  return { type: "Program", start: 0, end: text.length, body };
}

/** The text as it is printed: one statement a line, no comments, one space where there may be many. */
const printed = (text) => program(text).body.map(({ start, end }) => text.slice(start, end).replace(/ +/g, " ").replace("function (", "function(")).map((line) => line.replace("function(", "function (")).join("\n");

function selected({ astQuery, functionQuery }, tree) {
  if (astQuery === "Program") return [tree];
  const [, type, start, end] = /^(\w+)\[start=(\d+)\]\[end=(\d+)\]$/.exec(astQuery ?? "") ?? [];
  if (type) return tree.body.filter((node) => node.type === type && node.start === +start && node.end === +end);
  if (astQuery) return tree.body.filter(({ type, id }) => (astQuery === "FunctionDeclaration" ? type === astQuery : type === "FunctionExpression"));
  return tree.body.filter(({ type, id }) => type === "FunctionDeclaration" && id?.name === functionQuery.functionName);
}

exports.transform = (entries, code) => {
  const found = entries.map((entry) => [entry, selected(entry, program(code))]);
  if (found.every(([, nodes]) => nodes.length === 0)) throw new Error("Failed to find injection points for: []");
  const declared = [];
  let made = code;
  for (const [entry, nodes] of found) {
    for (const node of nodes) {
      if (typeof entry.transform === "function") {
        entry.transform(entry, node, program(code), [program(code)].filter((tree) => node.type !== "Program"));
        continue;
      }
      const text = code.slice(node.start, node.end);
      const [, isAsync, name, params, body] = /^(async )?function (\w[\w$]*)?\s*\((.*?)\) \{ ?([^]*?) ?\}$/.exec(text);
      const numbers = params.split(/,\s*/).filter(Boolean).map((_, at) => `__apm$arg${at}, `).join("");
      const channel = `tr_ch_apm$${entry.channelName}`;
      made = made.replace(text, () => `function ${name ?? ""}(${numbers}...__apm$args) { const __apm$wrapped = ${isAsync ?? ""}function (${params}) { ${body} }; return ${channel}.traceSync(__apm$wrapped, {}, this, ${numbers}...__apm$args); }`.replace("function (", "function ("));
      declared.push(`const ${channel} = tr_ch_apm_tracingChannel("orchestrion:${entry.module.name}:${entry.channelName}");`);
    }
  }
  return [...(declared.length > 0 ? [IMPORT, BINDING, ...declared] : []), printed(made)].join("\n");
};
