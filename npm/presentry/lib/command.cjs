// Starts the command and reads its report. What the report means is told by `errors.cjs`.
"use strict";

const { spawn } = require("node:child_process");
const { executable } = require("./executable.cjs");
const { CommandError, UsageError, ofReport } = require("./errors.cjs");
const { flags } = require("./options.cjs");

/** The version of the report that is understood here: `schema` in docs/schema.json. */
const SCHEMA = 1;

/** What the command runs ends after five minutes each. One that hangs all the same must not hold a build for ever. */
const LIMIT = 20 * 60_000;

/** How long it has between SIGTERM and SIGKILL then. */
const GRACE = 10_000;

/** Signals that are sent to one process, and have to reach the command. Ctrl-C reaches all of them by itself. */
const FORWARDED = ["SIGTERM", "SIGHUP"];

/** The options without those that say where: a checked app and a directory. */
function placed(name, options) {
  if (typeof options !== "object" || options === null) throw UsageError.of(`\`${name}\` takes an object of options`);
  const { app = ".", cwd = process.cwd(), ...rest } = options;
  if (typeof app !== "string") throw UsageError.of(`the option \`app\` of \`${name}\` is not a string`);
  return { app, cwd, rest };
}

/** Gathers what a bug report needs, and gives the page; nothing of it where it goes to a file. */
async function repro(options = {}) {
  const { app, cwd, rest } = placed("repro", options);
  const { stdout, stderr, end } = await run(executable(), ["repro", ...flags("repro", rest), "--", app], cwd, LIMIT);
  if (end !== "exit code 0") throw CommandError.of(`\`presentry repro\` ended with ${end}${stderr && `: ${stderr}`}`);
  return rest.out === undefined ? stdout : "";
}

/** Runs a command on an app and gives its report. */
async function command(name, options = {}) {
  const { app, cwd, rest } = placed(name, options);
  // What stands after `--` are options of Node.js for `trace`.
  const place = name === "trace" ? [app.startsWith("-") ? `./${app}` : app] : ["--", app];
  const words = [name, "--format=json", ...flags(name, rest), ...place];
  const { stdout, stderr, end } = await run(executable(), words, cwd, name === "trace" ? undefined : LIMIT);
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

/** `limit` is in milliseconds; the limits of a trace are options of it. */
function run(file, words, cwd, limit) {
  return new Promise((resolve, reject) => {
    const start = () => spawn(file, words, { cwd, stdio: ["ignore", "pipe", "pipe"], windowsHide: true });
    const { child, release } = endingWithUs(start);
    let late;
    const deadline = limit && setTimeout(() => {
      child.kill("SIGTERM");
      late = setTimeout(() => child.kill("SIGKILL"), GRACE);
    }, limit);
    const done = () => {
      clearTimeout(deadline);
      clearTimeout(late);
      release();
    };
    const read = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"]) {
      child[stream].setEncoding("utf8").on("data", (text) => (read[stream] += text));
    }
    // A directory that is not there has the same code as an executable that is not there.
    child.on("error", (error) => {
      done();
      reject(CommandError.of(`failed to start \`${file}\` in \`${cwd}\`: ${error.message}`));
    });
    child.on("close", (code, signal) => {
      done();
      if (late) return reject(CommandError.of(`\`presentry\` did not end within ${limit / 1000} s`));
      resolve({ ...read, stderr: read.stderr.trim(), end: signal === null ? `exit code ${code}` : signal });
    });
  });
}

/**
 * Starts a command that ends with this process: a signal waits for its end first. `release` lets both go their ways. Signals
 * are listened to before it starts, or one that comes in between would leave it behind.
 */
function endingWithUs(start) {
  let child;
  let came;
  const listeners = [...FORWARDED, "SIGINT"].map((signal) => {
    const listener = () => {
      came = signal;
      if (FORWARDED.includes(signal)) child.kill(signal);
    };
    process.on(signal, listener);
    return [signal, listener];
  });
  const end = () => child.kill("SIGTERM");
  process.on("exit", end);
  const release = () => {
    process.off("exit", end);
    for (const [signal, listener] of listeners) process.off(signal, listener);
    // Whoever listens besides decides what it means.
    if (came !== undefined && process.listenerCount(came) === 0) process.kill(process.pid, came);
  };
  try {
    child = start();
  } catch (error) {
    release();
    throw error;
  }
  return { child, release };
}

module.exports = { command, repro };
