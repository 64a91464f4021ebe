// Runs the statements of a table in this process, and prints how many; those that do something else than is written go to stderr.
//   node failing.mjs TABLE
// What changes the host for those after it, or needs a module, is left out.
import fs from "node:fs";
import timers from "node:timers/promises";

const AsyncFunction = (async () => {}).constructor;
const changes =
  /\bprocess\b|\bglobal|\bconsole\b|import\.meta|\.prototype|\bdelete\b|\b(?:Object|Reflect)\.(?:freeze|assign|define|prevent|setProto)|(?:Math|Error|Promise|Symbol|Number)\.\w+(?:\.\w+)? = |^(?:undefined|NaN|Infinity|foo)\b|typeof (?:require|module)|setTimeout\(\(\) => \{ throw/;
process.on("unhandledRejection", () => {});
process.on("uncaughtException", () => {});

let run = 0;
const wrong = [];
for (const line of fs.readFileSync(process.argv[2], "utf8").split("\n").filter(Boolean)) {
  const [, written, statement] = /^(throws|passes) (.*)$/.exec(line);
  if (changes.test(statement)) continue;
  let seen = "passes";
  try {
    await new AsyncFunction(`"use strict"; ${statement}\n`)();
  } catch {
    seen = "throws";
  }
  run += 1;
  if (seen !== written) wrong.push(`${seen}, not ${written}: ${statement}`);
}
await timers.setTimeout(20);
console.log(run);
for (const line of wrong) console.error(line);
process.exit(wrong.length > 0 ? 1 : 0);
