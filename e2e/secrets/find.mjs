// node find.mjs DIRECTORY: what secretlint finds in its files, as JSON: file, rule, and where, in bytes.
import { readdirSync, readFileSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { lintSource } from "@secretlint/core";
import { creator, rules } from "@secretlint/secretlint-rule-preset-recommend";

const directory = process.argv[2];
const rule = { id: "@secretlint/secretlint-rule-preset-recommend", rule: creator };
// A comment in the app may not switch a rule off.
rule.rules = rules.map(({ meta }) => ({ id: meta.id, disabled: meta.id.endsWith("filter-comments") }));

const found = [];
for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const path = join(entry.parentPath, entry.name);
  const bytes = readFileSync(path);
  // As text of one byte each, offsets are those of the file, whatever its encoding. Tokens are ASCII.
  const content = bytes.toString("latin1");
  const source = { content, filePath: path, ext: extname(path), contentType: "text" };
  const { messages } = await lintSource({
    source,
    options: { config: { rules: [rule] }, noPhysicFilePath: true, maskSecrets: false },
  });
  const file = relative(directory, path).split(sep).join("/");
  for (const { ruleId, range } of messages) found.push({ file, rule: ruleId, start: range[0], end: range[1] });
}
console.log(JSON.stringify(found));
