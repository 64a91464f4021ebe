// What the stand-ins for esbuild and rolldown have in common, in tests without npm: modules are found as Node finds them, and
// joined as far as the SDK of these tests needs it: each file declares what it exports, or has it by `export *`.
const fs = require("node:fs");
const { createRequire } = require("node:module");
const path = require("node:path");

const read = (file) => fs.readFileSync(file, "utf8");

function find(specifier, from) {
  try {
    return createRequire(path.join(from, "x.js")).resolve(specifier);
  } catch {
    return undefined;
  }
}

const declared = (file) => [...read(file).matchAll(/\bexport (?:const|function) (\w+)/g)].map(([, name]) => name);
const stars = (file) => [...read(file).matchAll(/^export \* from "(.*)"/gm)].map(([, of]) => find(of, path.dirname(file)));

/** Which file each export of a file is declared in. Of two by one name from two files, there is none. */
function exportsOf(file) {
  const below = new Map();
  for (const [name, owner] of stars(file).flatMap((star) => [...exportsOf(star)])) {
    below.set(name, below.has(name) && below.get(name) !== owner ? undefined : owner);
  }
  const own = declared(file).map((name) => [name, file]);
  return new Map([...[...below].filter(([, owner]) => owner), ...own]);
}

/** What a file imports for nothing but what it does. */
const effects = (file) => [...read(file).matchAll(/^import "(\..*)";$/gm)].map(([, of]) => find(of, path.dirname(file)));

/**
 * The modules that an entry asks for, as one; `load` gives the text of each where it is not that of the file. What is imported
 * for its effects is left out unless it is `kept`: the packages of these tests note that they have none.
 */
async function join(entry, fileOf, load, kept) {
  const files = [];
  const texts = [];
  const enter = async (file) => {
    if (files.includes(file)) return;
    const number = files.push(file) - 1;
    texts[number] = (await load(file)) ?? read(file);
    for (const star of stars(file)) await enter(star);
    for (const effect of effects(file)) if (await kept(effect, file)) await enter(effect);
  };
  const named = [];
  for (const [, list, of, alone] of entry.matchAll(/export \{ (.*) \} from "(.*)"|import "(.*)"/g)) {
    const file = await fileOf(of ?? alone);
    await enter(file);
    for (const item of list?.split(", ") ?? []) {
      const [name, as = name] = item.split(" as ");
      const owner = exportsOf(file).get(name);
      if (!owner) throw new Error(`No matching export for "${name}"`);
      named.push(`m${files.indexOf(owner)}_${name} as ${as}`);
    }
  }
  const body = (text, number) =>
    text
      .replaceAll(/^(?:export \* from|import "\.).*$/gm, "")
      .replaceAll(/\bexport (const|function) (\w+)/g, `$1 m${number}_$2`)
      .replaceAll(/\bexport \{ (\w+) as (\w+) \};/g, `const m${number}_$2 = $1;`);
  return `${texts.map(body).join("\n")}\nexport { ${named.join(", ")} };`;
}

/** The packages that a file asks for. */
const packages = (file) => [...read(file).matchAll(/ from "([^".][^"]*)"/g)].map(([, of]) => of);

/** An entry that exports all that a specifier does. */
function all(specifier, file) {
  const names = [...exportsOf(file).keys()].join(", ");
  return names ? `export { ${names} } from "${specifier}";` : `import "${specifier}";`;
}

/** What `define` comes to in the files of these tests. */
const defined = (text, define = {}) => Object.entries(define).reduce((text, [from, to]) => text.replaceAll(new RegExp(`\\b${from}\\b`, "g"), to), text);

/** Leaves a trace of bundling everything for the sake of names. */
const bundledForNames = () => fs.writeFileSync(path.join(__dirname, "bundled-for-names"), "");

module.exports = { find, declared, exportsOf, join, packages, all, defined, bundledForNames };
