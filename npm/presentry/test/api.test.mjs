// The functions on a real build, through the real executable, which `PRESENTRY_BINARY` names.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync, chmodSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { test } from "node:test";
import * as presentry from "presentry";
import options from "../lib/options.cjs";
import { app } from "./build.mjs";

const { rewrite, check, inspect, restore, trace } = presentry;
const INSTRUMENTATION = ".output/server/instrument.server.mjs";

test("a build is rewritten, proven and restored", async (t) => {
  const cwd = app(t);
  const entry = path.join(cwd, ".output/server/index.mjs");
  const original = readFileSync(entry, "utf8");

  assert.equal((await inspect({ cwd })).inspection.rewrite, "rewritten");
  const dry = await rewrite({ cwd, dryRun: true });
  assert.equal(dry.outcome, "would-rewrite");
  assert.equal(readFileSync(entry, "utf8"), original);

  const report = await rewrite({ cwd });
  assert.equal(report.outcome, "rewritten");
  assert.equal(report.proof.holds, true);
  assert.equal(report.proof.verdict, "proven");
  assert.match(readFileSync(entry, "utf8"), /import\("\.\/entry\.mjs"\)/);
  assert.equal((await rewrite({ cwd })).outcome, "already-first");
  assert.equal((await check({ cwd })).outcome, "proven");

  assert.equal((await restore({ cwd })).outcome, "restored");
  assert.equal(readFileSync(entry, "utf8"), original);
});

test("the app may lie elsewhere, and be called like a flag", async (t) => {
  const directory = app(t);
  const report = await inspect({ app: directory, cwd: path.dirname(directory) });
  assert.equal(report.outcome, "inspected");
  await assert.rejects(inspect({ app: "--dry-run", cwd: directory }), { name: "UsageError", code: "app-not-found" });
});

test("a proof that fails is a ProofError with code, hint and the whole report", async (t) => {
  const cwd = app(t);
  await assert.rejects(check({ cwd }), (error) => {
    assert(error instanceof presentry.ProofError && error instanceof presentry.PresentryError);
    assert.equal(error.name, "ProofError");
    assert.equal(error.code, "sentry-not-started");
    assert.match(error.message, /calls `init` of a `@sentry\/\*` package/);
    assert.match(error.hint, /run `presentry` on the build/);
    assert.equal(error.report.outcome, "failed");
    assert(error.report.proof.failures.includes(error.code));
    assert.equal(error.diagnostics[0].code, error.code);
    return true;
  });
  const allowed = await check({ cwd, allowFailure: true });
  assert.equal(allowed.outcome, "failed");
});

test("a refusal is a RefusedError, and changes nothing", async (t) => {
  const cwd = app(t, { without: [INSTRUMENTATION] });
  await assert.rejects(rewrite({ cwd }), (error) => {
    assert(error instanceof presentry.RefusedError);
    assert.equal(error.report.outcome, "refused");
    assert.notEqual(error.code, null);
    return true;
  });
});

test("a trace gives what was seen, and what was not", async (t) => {
  const cwd = app(t);
  const server = `import { createServer } from "node:http";
createServer((request, response) => response.end(request.headers["x-a"])).listen(process.env.PORT, process.env.HOST);
export const n = { prefix: process.env.NITRO_ENV_PREFIX };\n`;
  writeFileSync(path.join(cwd, ".output/server/chunks/nitro/nitro.mjs"), server);
  const requests = ["/a", { path: "/b", method: "POST", headers: { "x-a": "b" }, body: "c" }];
  await assert.rejects(trace({ cwd, requests, html: "trace.html" }), (error) => {
    assert(error instanceof presentry.ProofError);
    assert.equal(error.code, "sentry-not-first");
    const seen = error.report.trace.requests.map(({ method, path, status }) => [method, path, status]);
    assert.deepEqual(seen, [["GET", "/a", 200], ["POST", "/b", 200]]);
    return true;
  });
  assert.match(readFileSync(path.join(cwd, "trace.html"), "utf8"), /^<!doctype html>/);
});

test("requests and variables of a trace are flags", () => {
  const request = { path: "/a", headers: { "x-b": "c d" }, body: "{}" };
  const given = { requests: ["/", request], env: { A: "b=c", D: undefined }, wait: 0 };
  const message = "--request=GET /a HTTP/1.1\nx-b: c d\n\n{}";
  assert.deepEqual(options.flags("trace", given), ["--request=/", message, "--env=A=b=c", "--wait=0"]);
  for (const wrong of [{ path: "/a b" }, { path: "/", method: "A\nB" }, { path: "/", headers: { a: "b\nc" } }, { method: "GET" }, { path: "/", more: 1 }]) {
    assert.throws(() => options.flags("trace", { requests: [wrong] }), { name: "UsageError" });
  }
});

test("what the command would not look at is refused before it starts", async () => {
  await assert.rejects(check({ strict: true }), { name: "UsageError", code: "wrong-option", message: /no option `strict`/ });
  await assert.rejects(rewrite({ dryrun: true }), { hint: /`dryRun`/ });
  await assert.rejects(rewrite({ dryRun: "yes" }), { message: /`dryRun` of `rewrite` is not a boolean/ });
  await assert.rejects(rewrite({ wrap: "handler" }), { message: /is not an array of strings/ });
  await assert.rejects(rewrite({ compileCache: 1 }), { message: /is not a boolean or a string/ });
  await assert.rejects(rewrite("."), { message: "`rewrite` takes an object of options" });
  await assert.rejects(rewrite({ constructor: "x" }), { name: "UsageError" });
});

test("wrong usage that the command finds is a UsageError", async (t) => {
  await assert.rejects(rewrite({ cwd: app(t), preset: "teapot" }), { name: "UsageError", code: "unknown-preset" });
  await assert.rejects(rewrite({ cwd: app(t), wrap: ["handler"] }), { name: "UsageError" });
});

test("a command that ends without a report is a CommandError", { skip: process.platform === "win32" }, async (t) => {
  const cwd = app(t);
  const script = path.join(cwd, "broken");
  const before = process.env.PRESENTRY_BINARY;
  t.after(() => before === undefined ? delete process.env.PRESENTRY_BINARY : (process.env.PRESENTRY_BINARY = before));
  process.env.PRESENTRY_BINARY = script;

  writeFileSync(script, "#!/bin/sh\necho '{'\necho cause >&2\nexit 101\n");
  chmodSync(script, 0o755);
  await assert.rejects(rewrite({ cwd }), { name: "CommandError", code: null, message: /exit code 101 .*: cause$/ });
  writeFileSync(script, `#!/bin/sh\necho '{ "schema": 99, "presentry": "9.0.0", "exit_code": 0 }'\n`);
  await assert.rejects(rewrite({ cwd }), { name: "CommandError", message: /the schema 99/ });
  writeFileSync(script, "#!/bin/sh\nkill -9 $$\n");
  await assert.rejects(rewrite({ cwd }), { message: /ended with SIGKILL/ });
  await assert.rejects(rewrite({ cwd: path.join(cwd, "nowhere") }), { message: /failed to start/ });
});

test("a page for a bug report is a string, and empty where it goes to a file", async (t) => {
  const cwd = app(t);
  const page = await presentry.repro({ cwd, noTrace: true, trustInit: true });
  assert.match(page, /^# presentry: report of a build\n/);
  const out = path.join(cwd, "report.md");
  assert.equal(await presentry.repro({ cwd, noTrace: true, out }), "");
  assert.equal(readFileSync(out, "utf8").split("\n")[0], page.split("\n")[0]);
  await assert.rejects(presentry.repro({ cwd, outputDir: 1 }), presentry.UsageError);
  await assert.rejects(presentry.repro({ cwd, requests: ["x"], noTrace: true }), presentry.CommandError);
});

test("both module systems share the classes", () => {
  const required = createRequire(import.meta.url)("presentry");
  assert.deepEqual(Object.keys(presentry).filter((name) => !["default", "module.exports"].includes(name)).sort(), Object.keys(required).sort());
  for (const [name, value] of Object.entries(required)) assert.equal(presentry[name], value);
});

test("every flag of the command is an option, and every option a flag", () => {
  // What a program has no use for: it gets a report, and not text.
  const forPeople = ["--format", "--quiet", "--verbose", "--color", "--help", "--version"];
  for (const [name, table] of Object.entries(options.OPTIONS)) {
    const help = execFileSync(process.env.PRESENTRY_BINARY, [name, "--help"], { encoding: "utf8" });
    const flags = [...help.matchAll(/^ +(?:-\w, )?(--[a-z-]+)/gm)].map(([, flag]) => flag);
    assert(flags.length > forPeople.length - 2, help);
    const taken = Object.values(table).flatMap(([flag, , without]) => (without ? [flag, without] : [flag]));
    assert.deepEqual(flags.filter((flag) => !forPeople.includes(flag)).sort(), [...new Set(taken)].sort(), name);
  }
});

test("an option that is a boolean or a string is a flag with or without a value", () => {
  for (const [value, expected] of [[true, ["--compile-cache"]], [false, []], ["cache", ["--compile-cache=cache"]]]) {
    assert.deepEqual(options.flags("rewrite", { compileCache: value }), expected);
  }
  for (const [value, expected] of [[true, "--bundle-sdk"], [false, "--no-bundle-sdk"], ["if-possible", "--bundle-sdk=if-possible"]]) {
    assert.deepEqual(options.flags("rewrite", { bundleSdk: value }), [expected]);
  }
});

test("the types name every option, and all that the schema of the report names", () => {
  const types = readFileSync(new URL("../index.d.cts", import.meta.url), "utf8");
  for (const table of Object.values(options.OPTIONS)) {
    for (const name of Object.keys(table)) assert.match(types, new RegExp(`^  ${name}\\?:`, "m"));
  }
  const schema = JSON.parse(readFileSync(new URL("../../../docs/schema.json", import.meta.url), "utf8"));
  let looked = 0;
  const look = (node) => {
    for (const [name, value] of Object.entries(node.properties ?? {})) {
      assert.match(types, new RegExp(`\\b${name}: `), `the member \`${name}\``);
      looked += 1;
      look(value);
    }
    for (const value of node.enum ?? []) {
      const text = typeof value === "string" ? `"${value}"` : `${value}`;
      assert(types.includes(text), `the value ${text}`);
    }
    for (const definition of Object.values(node.$defs ?? {})) look(definition);
  };
  look(schema);
  assert(looked > 40, `${looked} members`);
});
