// Which executable a host gets, and what is said where there is none.
import assert from "node:assert/strict";
import { test } from "node:test";
import executables from "../lib/executable.cjs";
import errors from "../lib/errors.cjs";

const { find, PLATFORMS } = executables;

/** Tells where the executables of the named packages are. */
const installed = (...packages) => (row) => (packages.includes(row.package) ? `/${row.package}` : undefined);

test("every row is the one for its host", () => {
  for (const row of PLATFORMS) {
    const host = { os: row.os, cpu: row.cpu, libc: row.libc };
    assert.equal(find(host, installed(...PLATFORMS.map((row) => row.package))), `/${row.package}`);
  }
});

test("glibc runs the executable for musl, and not the other way round", () => {
  const glibc = { os: "linux", cpu: "x64", libc: "glibc" };
  assert.equal(find(glibc, installed("@presentry/linux-x64-musl")), "/@presentry/linux-x64-musl");
  const musl = { ...glibc, libc: "musl" };
  assert.throws(() => find(musl, installed("@presentry/linux-x64-gnu")), {
    name: "PlatformError",
    code: "platform-package-missing",
    message: /`@presentry\/linux-x64-musl` is not installed.*`@presentry\/linux-x64-gnu` is, so node_modules comes from/,
  });
});

test("a missing package is named, with the way to get it", () => {
  assert.throws(() => find({ os: "darwin", cpu: "arm64" }, installed()), (error) => {
    assert(error instanceof errors.PlatformError && error instanceof errors.PresentryError);
    assert.equal(error.code, "platform-package-missing");
    assert.match(error.message, /`@presentry\/darwin-arm64` is not installed, .* for darwin arm64$/);
    assert.match(error.hint, /--omit=optional/);
    return true;
  });
});

test("node_modules of another platform is recognised", () => {
  assert.throws(() => find({ os: "linux", cpu: "arm64", libc: "glibc" }, installed("@presentry/darwin-arm64")), {
    message: /`@presentry\/darwin-arm64` is, so node_modules comes from another platform$/,
  });
});

test("a platform without a package is told so", () => {
  assert.throws(() => find({ os: "freebsd", cpu: "x64" }, installed()), {
    code: "unsupported-platform",
    hint: /PRESENTRY_BINARY/,
  });
});

test("an override that is not there is no silent fallback", (t) => {
  const before = process.env.PRESENTRY_BINARY;
  t.after(() => before === undefined ? delete process.env.PRESENTRY_BINARY : (process.env.PRESENTRY_BINARY = before));
  process.env.PRESENTRY_BINARY = "/nowhere/presentry";
  assert.throws(() => executables.executable(), { code: "executable-not-found" });
});
