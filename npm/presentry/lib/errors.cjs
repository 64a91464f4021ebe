// The errors that the functions of this package throw. What a program can tell apart is the class and the code.
"use strict";

/** A reason why something was not done. */
class PresentryError extends Error {
  constructor(diagnostics, report) {
    const [first] = diagnostics;
    super(first.message);
    this.name = new.target.name;
    this.code = first.code;
    this.hint = first.hint;
    // Not enumerable, or whoever prints the error prints the whole report with it.
    Object.defineProperties(this, { diagnostics: { value: diagnostics }, report: { value: report } });
  }
}

/** The rewrite was refused; nothing was changed. */
class RefusedError extends PresentryError {}

/** The proof does not hold. */
class ProofError extends PresentryError {}

/** An option is wrong, or names something that is not there. */
class UsageError extends PresentryError {
  /** An option that was found wrong before the command was started. */
  static of(message, hint) {
    return new UsageError([diagnostic("wrong-option", message, hint)], null);
  }
}

/** There is no executable for this platform, or it is not installed. */
class PlatformError extends PresentryError {
  constructor(code, message, hint) {
    super([diagnostic(code, message, hint)], null);
  }
}

/** The command ended in a way that has no code: an error of the system, or a crash. */
class CommandError extends PresentryError {
  /** The command ended without a report. */
  static of(message) {
    return new CommandError([diagnostic(null, message, null)], null);
  }
}

function diagnostic(code, message, hint) {
  return { code, severity: "error", message, hint: hint ?? null, labels: [] };
}

/** The error for the report of a command that failed. */
function ofReport(report) {
  const errors = report.diagnostics.filter((diagnostic) => diagnostic.severity === "error");
  // Under `strict` a warning is what stopped the command.
  let diagnostics = errors.length > 0 ? errors : report.diagnostics;
  if (diagnostics.length === 0) diagnostics = [diagnostic(null, `\`presentry\` ended as \`${report.outcome}\``)];
  const classes = { refused: RefusedError, failed: ProofError, "wrong-usage": UsageError };
  return new (classes[report.outcome] ?? CommandError)(diagnostics, report);
}

module.exports = { PresentryError, RefusedError, ProofError, UsageError, PlatformError, CommandError, ofReport };
