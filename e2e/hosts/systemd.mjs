// A service without systemd: the unit `app.service` of the app, carried out with its directory in an empty one. See
// systemd.exec(5) and systemd.service(5).
//
// Checks besides: the unit starts Node.js with the entry and nothing else, as a user of its own that can write nothing.
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { copy, emptyDirectory, startReadOnly } from "./alone.mjs";
import { fail } from "./front.mjs";

const app = process.argv[2];
const unit = readUnit(path.join(app, "app.service"));
for (const [key, wanted] of [["DynamicUser", "yes"], ["ProtectSystem", "strict"], ["NoNewPrivileges", "yes"]]) {
  if (unit.Service?.[key] !== wanted) fail(`\`${key}\` is \`${unit.Service?.[key]}\`, not \`${wanted}\``);
}
const { ExecStart, WorkingDirectory, Environment } = unit.Service;
const command = ExecStart.split(" ");
if (command.length !== 2) fail(`\`ExecStart\` has ${command.length - 1} arguments, not the entry alone`);

const root = emptyDirectory("systemd");
const cwd = path.join(root, WorkingDirectory);
mkdirSync(cwd, { recursive: true });
copy(path.join(app, ".output"), path.join(cwd, ".output"));
const env = Object.fromEntries(Environment.split(" ").map((word) => word.split(/=(.*)/s).slice(0, 2)));
await startReadOnly(root, command, { app, cwd, env });

/** The sections of a unit. A key that occurs twice is not known here. */
function readUnit(file) {
  const sections = {};
  let section;
  for (const line of readFileSync(file, "utf8").split("\n").map((line) => line.trim())) {
    if (!line || line.startsWith("#")) continue;
    const name = /^\[(\w+)\]$/.exec(line)?.[1];
    if (name) section = sections[name] = {};
    else {
      const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? fail(`\`${line}\` is not a line of a unit`);
      if (!section || key in section) fail(`\`${line}\` has no section, or is there twice`);
      section[key] = value;
    }
  }
  return sections;
}
