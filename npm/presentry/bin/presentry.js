#!/usr/bin/env node
// Starts the command `presentry` of the platform, and ends as it does. Decides nothing.
"use strict";

const { spawn } = require("node:child_process");
const { executable } = require("../lib/executable.cjs");
const { PresentryError } = require("../lib/errors.cjs");
const { render } = require("../lib/render.cjs");

/** Signals that are sent to one process, and have to reach the command. Ctrl-C reaches all of them by itself. */
const FORWARDED = ["SIGTERM", "SIGHUP"];

function main() {
  const file = executable();
  // Before the command is started, or a signal in between leaves it behind.
  for (const signal of FORWARDED) process.on(signal, () => child.kill(signal));
  // The command decides what Ctrl-C means; its exit code has to be waited for.
  process.on("SIGINT", () => {});
  const child = spawn(file, process.argv.slice(2), { stdio: "inherit" });
  child.on("error", (error) => fail(`error: failed to start \`${child.spawnfile}\`: ${error.message}`));
  child.on("exit", (code, signal) => {
    if (signal === null) {
      process.exitCode = code;
      return;
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

function fail(text) {
  process.stderr.write(`${text}\n`);
  process.exitCode = 1;
}

try {
  main();
} catch (error) {
  if (!(error instanceof PresentryError)) throw error;
  fail(render(error.diagnostics[0]));
}
