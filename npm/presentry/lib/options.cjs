// The one table of options: what the functions take, and the flag of the command that each one is.
"use strict";

const { UsageError } = require("./errors.cjs");

const build = {
  entry: ["--entry", "string"],
  preset: ["--preset", "string"],
  outputDir: ["--output-dir", "string"],
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
    prune: ["--prune", "boolean"],
    compileCache: ["--compile-cache", "boolean or string"],
    keepSdkWrapper: ["--keep-sdk-wrapper", "boolean"],
    noTrace: ["--no-trace", "boolean"],
    packagesElsewhere: ["--packages-elsewhere", "boolean"],
    strict: ["--strict", "boolean"],
    ...report,
  },
  check: { ...build, packagesElsewhere: ["--packages-elsewhere", "boolean"], ...report },
  inspect: { ...build, instrumentation: ["--instrumentation", "string"], ...report },
  restore: { ...build, dryRun: ["--dry-run", "boolean"], ...report },
};

const IS = {
  string: (value) => typeof value === "string",
  boolean: (value) => typeof value === "boolean",
  strings: (value) => Array.isArray(value) && value.every(IS.string),
  "boolean or string": (value) => IS.boolean(value) || IS.string(value),
};
const WORDS = {
  string: "a string",
  boolean: "a boolean",
  strings: "an array of strings",
  "boolean or string": "a boolean or a string",
};

/** The flags that a command is to be started with. `undefined` is an option that is not given. */
function flags(command, options) {
  return given(command, options).flatMap(([flag, type, value, without]) => {
    // With `=`, as a value may begin with a dash.
    if (IS.string(value)) return [`${flag}=${value}`];
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
