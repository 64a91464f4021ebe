// Diagnostics as text, in the form in which the command shows them. No decisions.
"use strict";

/** What does something instead of being seen: controls, what turns the direction of writing, and what has no width. */
const HIDDEN = /[\p{Cc}\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** Text on one line, in which a terminal and GitHub see nothing to obey. `printable.rs` of the command does the same. */
function visible(text) {
  const written = { "\n": "\\n", "\t": "\\t" };
  const shown = text.replace(HIDDEN, (it) => written[it] ?? `\\u{${it.codePointAt(0).toString(16)}}`);
  return shown.replaceAll("##[", "# #[");
}

/** A diagnostic with its places and its hint, without a line end. */
function render({ severity, code, message, labels, hint }) {
  const lines = [`${severity}${code ? `[${code}]` : ""}: ${visible(message)}`];
  for (const label of labels) {
    lines.push(` --> ${visible(label.path)}:${label.line}:${label.column}`);
    lines.push(`${label.line} | ${visible(label.text)}${label.message ? `  (${visible(label.message)})` : ""}`);
  }
  if (hint) lines.push(`hint: ${visible(hint)}`);
  return lines.join("\n");
}

module.exports = { render, visible };
