// Finds the executable of this platform among the optional dependencies. Downloads nothing and writes nothing.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { createRequire } = require("node:module");
const { PlatformError } = require("./errors.cjs");
const PLATFORMS = require("../platforms.json");

/** Names another executable: a build of one's own, or one for a platform that has no package. */
const OVERRIDE = "PRESENTRY_BINARY";

/** The path of the executable. Throws a `PlatformError` where there is none. */
function executable() {
  const named = process.env[OVERRIDE];
  if (named) {
    if (fs.existsSync(named)) return path.resolve(named);
    throw new PlatformError(
      "executable-not-found",
      `\`${OVERRIDE}\` names \`${named}\`, which is not there`,
      `name an executable, or unset \`${OVERRIDE}\``,
    );
  }
  return find({ os: process.platform, cpu: process.arch, libc: libc() }, locate);
}

/**
 * The executable for a host, with `locate(row)` telling where that of a row of the table is, or `undefined`. Both are
 * arguments so that hosts can be told apart that this machine is not.
 */
function find(host, locate) {
  const rows = fitting(host);
  if (rows.length === 0) {
    throw new PlatformError(
      "unsupported-platform",
      `there is no executable for ${words(host)}`,
      `build one with \`cargo install --path crates/cli\` and name it with \`${OVERRIDE}\``,
    );
  }
  for (const row of rows) {
    const found = locate(row);
    if (found) return found;
  }
  const foreign = PLATFORMS.filter((row) => !rows.includes(row) && locate(row));
  throw missing(rows[0], host, foreign);
}

/** The rows of the table that run on a host, the best one first. */
function fitting({ os, cpu, libc }) {
  const rows = PLATFORMS.filter((row) => row.os === os && row.cpu === cpu);
  if (libc !== "glibc") return rows.filter((row) => row.libc === libc);
  // The executables for musl are linked statically and run on glibc too, which helps where node_modules was copied.
  return [...rows.filter((row) => row.libc === "glibc"), ...rows.filter((row) => row.libc === "musl")];
}

function missing(row, host, foreign) {
  const message = `the package \`${row.package}\` is not installed, which holds the executable for ${words(host)}`;
  if (foreign.length > 0) {
    const there = foreign.map((other) => `\`${other.package}\``).join(", ");
    return new PlatformError(
      "platform-package-missing",
      `${message}; ${there} is, so node_modules comes from another platform`,
      "install on the platform that builds, or in the same container image, and do not copy node_modules there",
    );
  }
  return new PlatformError(
    "platform-package-missing",
    message,
    "install with optional dependencies (without `--omit=optional`, `--no-optional`); if a lockfile made elsewhere leaves " +
      "it out, remove node_modules and the lockfile and install again",
  );
}

function words({ os, cpu, libc }) {
  return libc ? `${os} ${cpu} (${libc})` : `${os} ${cpu}`;
}

/** Where the executable of a row is. */
function locate(row) {
  const file = row.os === "win32" ? "presentry.exe" : "presentry";
  let manifest;
  try {
    manifest = createRequire(__filename).resolve(`${row.package}/package.json`);
  } catch {
    return undefined;
  }
  const found = path.join(path.dirname(manifest), "bin", file);
  return fs.existsSync(found) ? found : undefined;
}

/** `glibc` or `musl`, and `undefined` where the question does not arise. */
function libc() {
  if (process.platform !== "linux") return undefined;
  // Without this the report looks up the names of all peers of open sockets, which can take seconds.
  const before = process.report.excludeNetwork;
  process.report.excludeNetwork = true;
  const { header } = process.report.getReport();
  process.report.excludeNetwork = before;
  return header.glibcVersionRuntime ? "glibc" : "musl";
}

module.exports = { executable, find, PLATFORMS };
