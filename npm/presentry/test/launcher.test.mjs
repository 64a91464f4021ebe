// The command as npm puts it on the path.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { app } from "./build.mjs";

const LAUNCHER = fileURLToPath(new URL("../bin/presentry.js", import.meta.url));

const launch = (words, options) => spawnSync(process.execPath, [LAUNCHER, ...words], { encoding: "utf8", ...options });

test("output and exit code are those of the executable", (t) => {
  const cwd = app(t);
  assert.match(launch(["--version"]).stdout, /^presentry \d/);
  assert.equal(launch(["check"], { cwd }).status, 1);
  assert.match(launch(["check"], { cwd }).stderr, /^error\[sentry-not-started\]/);
  assert.equal(launch([], { cwd }).status, 0);
  assert.equal(launch(["check"], { cwd }).status, 0);
  assert.equal(launch(["--teapot"], { cwd }).status, 2);
});

test("a missing executable is said in the form of a diagnostic", () => {
  const env = { ...process.env, PRESENTRY_BINARY: "/nowhere/presentry" };
  const { status, stderr } = launch([], { env });
  assert.equal(status, 1);
  assert.match(stderr, /^error\[executable-not-found\]: .*\nhint: .*\n$/);
});

test("signals reach the executable, and its death is that of the launcher", { skip: process.platform === "win32", timeout: 30_000 }, async (t) => {
  const script = path.join(app(t), "waits");
  const started = async (text) => {
    writeFileSync(script, `#!/bin/sh\n${text}\n`);
    chmodSync(script, 0o755);
    const child = spawn(process.execPath, [LAUNCHER], { env: { ...process.env, PRESENTRY_BINARY: script } });
    await once(child.stdout, "data");
    return child;
  };
  const polite = await started(`trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done`);
  polite.kill("SIGTERM");
  assert.deepEqual(await once(polite, "exit"), [7, null]);
  const plain = await started("echo ready; exec sleep 60");
  plain.kill("SIGTERM");
  assert.deepEqual(await once(plain, "exit"), [null, "SIGTERM"]);
});

/** Waits until `found` gives something, for at most ten seconds. */
async function eventually(what, found) {
  for (const end = Date.now() + 10_000; Date.now() < end; ) {
    const value = found();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`${what}: not within 10 s`);
}

test("a command that a function has started ends with its caller", { skip: process.platform === "win32", timeout: 60_000 }, async (t) => {
  const directory = app(t);
  const script = path.join(directory, "waits");
  writeFileSync(script, `#!/bin/sh\necho $$ > "${directory}/pid"\nexec sleep 60\n`);
  chmodSync(script, 0o755);
  const index = new URL("../index.cjs", import.meta.url).pathname;
  const lives = (pid) => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  for (const [signal, more, ends] of [
    ["SIGTERM", "", [null, "SIGTERM"]],
    ["SIGHUP", "", [null, "SIGHUP"]],
    ["SIGTERM", "process.on('SIGTERM', () => setTimeout(() => process.exit(5), 500));", [5, null]],
    ["SIGUSR2", "process.on('SIGUSR2', () => process.exit(6));", [6, null]],
  ]) {
    const text = `${more} require(${JSON.stringify(index)}).check().catch(() => {}); setInterval(() => {}, 1000);`;
    const caller = spawn(process.execPath, ["-e", text], { cwd: directory, env: { ...process.env, PRESENTRY_BINARY: script } });
    t.after(() => caller.kill("SIGKILL"));
    const file = path.join(directory, "pid");
    const pid = await eventually("the command starts", () => existsSync(file) && Number(readFileSync(file, "utf8")));
    rmSync(path.join(directory, "pid"));
    assert(lives(pid));
    caller.kill(signal);
    assert.deepEqual(await once(caller, "exit"), ends, `${signal} ${more}`);
    await eventually(`the command ends after ${signal}`, () => !lives(pid));
  }
});
