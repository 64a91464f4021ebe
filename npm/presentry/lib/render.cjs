// Diagnostics as text, in the form in which the command shows them. No decisions.
"use strict";

/** A diagnostic with its places and its hint, without a line end. */
function render({ severity, code, message, labels, hint }) {
  const lines = [`${severity}${code ? `[${code}]` : ""}: ${message}`];
  for (const label of labels) {
    lines.push(` --> ${label.path}:${label.line}:${label.column}`);
    lines.push(`${label.line} | ${label.text}${label.message ? `  (${label.message})` : ""}`);
  }
  if (hint) lines.push(`hint: ${hint}`);
  return lines.join("\n");
}

module.exports = { render };
