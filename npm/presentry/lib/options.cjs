// The one table of options: what the functions take, and the flag of the command that each one is.
"use strict";

const { UsageError } = require("./errors.cjs");

const build = {
  entry: ["--entry", "string"],
  preset: ["--preset", "string"],
  outputDir: ["--output-dir", "string"],
};
const trust = {
  packagesElsewhere: ["--packages-elsewhere", "boolean"],
  trustInit: ["--trust-init", "boolean"],
};
const report = {
  allowFailure: ["--allow-failure", "boolean"],
};

/** For each command its options, with the flag, the type of the value, and what `false` says where that is a flag, too. */
const OPTIONS = {
  rewrite: {
    ...build,
    instrumentation: ["--instrumentation", "string"],
    dryRun: ["--dry-run", "boolean"],
    exports: ["--exports", "string"],
    wrap: ["--wrap", "strings"],
    mode: ["--mode", "string"],
    bundleSdk: ["--bundle-sdk", "boolean or string", "--no-bundle-sdk"],
    instrumentAhead: ["--instrument-ahead", "boolean or string", "--no-instrument-ahead"],
    prune: ["--prune", "boolean"],
    compileCache: ["--compile-cache", "boolean or string"],
    noGuard: ["--no-guard", "boolean"],
    keepSdkWrapper: ["--keep-sdk-wrapper", "boolean"],
    noCollect: ["--no-collect", "boolean"],
    // Its old name, which scripts may hold.
    noTrace: ["--no-collect", "boolean"],
    ...trust,
    strict: ["--strict", "boolean"],
    ...report,
  },
  check: { ...build, ...trust, ...report },
  trace: {
    ...build,
    instrumentation: ["--instrumentation", "string"],
    node: ["--node", "string"],
    port: ["--port", "number"],
    timeout: ["--timeout", "number"],
    requests: ["--request", "requests"],
    expect: ["--expect", "strings"],
    wait: ["--wait", "number"],
    envFile: ["--env-file", "strings"],
    env: ["--env", "variables"],
    html: ["--html", "string"],
    ...trust,
    ...report,
  },
  inspect: { ...build, instrumentation: ["--instrumentation", "string"], ...trust, ...report },
  restore: { ...build, dryRun: ["--dry-run", "boolean"], ...report },
  repro: {
    ...build,
    out: ["--out", "string"],
    noTrace: ["--no-trace", "boolean"],
    requests: ["--request", "requests"],
    trustInit: ["--trust-init", "boolean"],
  },
};

const IS = {
  string: (value) => typeof value === "string",
  boolean: (value) => typeof value === "boolean",
  strings: (value) => Array.isArray(value) && value.every(IS.string),
  "boolean or string": (value) => IS.boolean(value) || IS.string(value),
  number: (value) => Number.isSafeInteger(value) && value >= 0,
  requests: (value) => Array.isArray(value) && value.every((item) => IS.string(item) || isRequest(item)),
  variables: (value) => isObject(value) && Object.values(value).every((item) => item === undefined || IS.string(item)),
};
const WORDS = {
  string: "a string",
  boolean: "a boolean",
  strings: "an array of strings",
  "boolean or string": "a boolean or a string",
  number: "a whole number",
  requests: "an array of strings and of objects with `path`, and with `method`, `headers` and `body` where they are needed",
  variables: "an object of strings",
};

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A request as an object: each part is what a message of HTTP can hold in its place. */
function isRequest(value) {
  if (!isObject(value)) return false;
  const { path, method = "GET", headers = {}, body = "", ...more } = value;
  const isLine = (text) => IS.string(text) && !/[\r\n]/.test(text);
  const isWord = (text) => isLine(text) && text !== "" && !/\s/.test(text);
  const areHeaders = isObject(headers) && Object.entries(headers).every(([name, text]) => isWord(name) && isLine(text));
  return isWord(path) && isWord(method) && areHeaders && IS.string(body) && Object.keys(more).length === 0;
}

/** What the flag takes: a string as it is, and a message in the form of HTTP for an object. */
function message(request) {
  if (IS.string(request)) return request;
  const { path, method = "GET", headers = {}, body = "" } = request;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\n`);
  return `${method} ${path} HTTP/1.1\n${lines.join("")}\n${body}`;
}

/** The flags that a command is to be started with. `undefined` is an option that is not given. */
function flags(command, options) {
  return given(command, options).flatMap(([flag, type, value, without]) => {
    // With `=`, as a value may begin with a dash.
    if (IS.string(value)) return [`${flag}=${value}`];
    if (IS.number(value)) return [`${flag}=${value}`];
    if (type === "requests") return value.map((request) => `${flag}=${message(request)}`);
    if (type === "variables") {
      const named = Object.entries(value).filter(([, text]) => text !== undefined);
      return named.map(([name, text]) => `${flag}=${name}=${text}`);
    }
    if (type === "strings") return value.map((item) => `${flag}=${item}`);
    if (value) return [flag];
    return without ? [without] : [];
  });
}

/** The given options as flag, type, value and the flag of `false`. Throws a `UsageError` for what no flag stands for. */
function given(command, options) {
  const table = OPTIONS[command];
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return entries.map(([name, value]) => {
    if (!Object.hasOwn(table, name)) {
      const names = Object.keys(table).map((known) => `\`${known}\``);
      throw UsageError.of(`\`${command}\` has no option \`${name}\``, `it takes ${names.join(", ")}`);
    }
    const [flag, type, without] = table[name];
    if (!IS[type](value)) throw UsageError.of(`the option \`${name}\` of \`${command}\` is not ${WORDS[type]}`);
    return [flag, type, value, without];
  });
}

module.exports = { OPTIONS, flags };
