// The binaries of Bun and Deno, which npm carries. They have a package of their own, engines/package.json, since
// nothing else needs their 190 MB; `PRESENTRY_BUN` and `PRESENTRY_DENO` name other ones.
import { existsSync } from "node:fs";
import path from "node:path";
import { fail, HOSTS } from "./front.mjs";

/** The executable called `name`, whose package has it at `file`. */
export function engine(name, file) {
  const found = process.env[`PRESENTRY_${name.toUpperCase()}`] ?? path.join(HOSTS, "engines/node_modules", file);
  if (!existsSync(found)) fail(`no \`${found}\`: run \`npm ci\` in \`${path.join(HOSTS, "engines")}\``);
  return found;
}
