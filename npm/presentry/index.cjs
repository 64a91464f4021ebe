// The functions of this package: each runs a command and gives the JSON report that the command prints; `repro` gives a page.
"use strict";

const { command, repro } = require("./lib/command.cjs");
const errors = require("./lib/errors.cjs");

exports.rewrite = (options) => command("rewrite", options);
exports.check = (options) => command("check", options);
exports.trace = (options) => command("trace", options);
exports.inspect = (options) => command("inspect", options);
exports.restore = (options) => command("restore", options);
exports.repro = repro;

exports.PresentryError = errors.PresentryError;
exports.RefusedError = errors.RefusedError;
exports.ProofError = errors.ProofError;
exports.UsageError = errors.UsageError;
exports.PlatformError = errors.PlatformError;
exports.CommandError = errors.CommandError;
