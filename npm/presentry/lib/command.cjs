// Starts the command and reads its report. What the report means is told by `errors.cjs`.
"use strict";

const { spawn } = require("node:child_process");
const { executable } = require("./executable.cjs");
const { CommandError, UsageError, ofReport } = require("./errors.cjs");
const { flags } = require("./options.cjs");

/** The version of the report that is understood here: `schema` in docs/schema.json. */
const SCHEMA = 1;

/** Runs a command on an app and gives its report. */
async function command(name, options = {}) {
  if (typeof options !== "object" || options === null) throw UsageError.of(`\`${name}\` takes an object of options`);
  const { app = ".", cwd = process.cwd(), ...rest } = options;
  if (typeof app !== "string") throw UsageError.of(`the option \`app\` of \`${name}\` is not a string`);
  // What stands after `--` are options of Node.js for `trace`.
  const place = name === "trace" ? [app.startsWith("-") ? `./${app}` : app] : ["--", app];
  const words = [name, "--format=json", ...flags(name, rest), ...place];
  const { stdout, stderr, end } = await run(executable(), words, cwd);
  const report = parse(stdout);
  if (report === undefined) {
    throw CommandError.of(`\`presentry ${name}\` ended with ${end} and without a report${stderr && `: ${stderr}`}`);
  }
  if (report.schema !== SCHEMA) {
    throw CommandError.of(
      `the report of \`presentry\` ${report.presentry} has the schema ${report.schema}, and this package reads ${SCHEMA}`,
    );
  }
  if (report.exit_code !== 0) throw ofReport(report);
  return report;
}

function parse(text) {
  try {
    const report = JSON.parse(text);
    return typeof report === "object" && report !== null ? report : undefined;
  } catch {
    return undefined;
  }
}

function run(file, words, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, words, { cwd, stdio: ["ignore", "pipe", "pipe"], windowsHide: true });
    const read = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"]) {
      child[stream].setEncoding("utf8").on("data", (text) => (read[stream] += text));
    }
    // A directory that is not there has the same code as an executable that is not there.
    child.on("error", (error) => reject(CommandError.of(`failed to start \`${file}\` in \`${cwd}\`: ${error.message}`)));
    child.on("close", (code, signal) =>
      resolve({ ...read, stderr: read.stderr.trim(), end: signal === null ? `exit code ${code}` : signal }),
    );
  });
}

module.exports = { command };
