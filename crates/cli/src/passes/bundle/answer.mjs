// Finds the bundler and has it bundle. The answer goes as JSON to stdout: `{ code, map, modules, licences, bundler, packages,
// external, from, trial }`, or `{ error: { code, message } }`. Nothing is written but what a trial needs.

/** The drivers, the first choice first, and below which packages each bundler lies: package managers do not hoist it into sight of the app. */
const DRIVERS = { esbuild: esbuildDriver, rolldown: rolldownDriver };
const OWNERS = [
  [],
  ["vinxi"],
  ["nitropack"],
  ["vite"],
  ["vinxi", "vite"],
  ["@solidjs/start"],
  ["@solidjs/start", "vinxi"],
  ["nitro"],
  ["rolldown-vite"],
];

/** The bundler of the app. */
async function bundlerOfApp() {
  let refused;
  for (const [name, driverOf] of Object.entries(DRIVERS)) {
    const owners = OWNERS.map((chain) => chain.reduce((from, owner) => from && packageDirectory(owner, from), app));
    const found = new Set(owners.map((owner) => owner && packageDirectory(name, owner)).filter(Boolean));
    for (const directory of found) {
      try {
        const driver = await driverOf(createRequire(path.join(directory, "package.json")));
        return { name: `${name} ${readManifest(directory)?.version}`, driver };
      } catch (error) {
        // Installed without its binary, or for another platform: the next one may be whole.
        if (error instanceof Refused) refused = error;
      }
    }
  }
  throw refused ?? new Refused("bundler-not-found", "there is neither esbuild nor rolldown among the packages of the app");
}

/** The licence of every package in the bundle, as its authors wrote it. */
function licences(comments) {
  const parts = [];
  for (const [id, owner] of [...licensed].sort(([a], [b]) => (a < b ? -1 : 1))) {
    // Nitro leaves the file behind when it traces a package, so the app is asked as well.
    const places = [owner.directory, packageDirectory(owner.name, app)].filter(Boolean);
    const files = places.flatMap((place) =>
      fs.readdirSync(place).filter((file) => /^(?:licen[cs]e|copying|notice)/i.test(file)).sort().map((file) => path.join(place, file)),
    );
    const text = files.length > 0 ? fs.readFileSync(files[0], "utf8").trim() : "";
    parts.push(`${id} (${owner.manifest.license ?? "no licence named"})\n\n${text}`.trim());
  }
  if (comments.trim()) parts.push(`Comments in the code\n\n${comments.trim()}`);
  return `${parts.join("\n\n----------------------------------------\n\n")}\n`;
}

/** What the bundler says, in one line. Rolldown shows the code below it, in colours. */
function reason(error) {
  const first = error.errors?.[0] ?? error;
  const [line] = stripVTControlCharacters(first.text ?? first.message ?? String(first)).split("\n");
  const said = line.replace(/^\[[A-Z_]+\] (?:Error: )?/, "");
  const at = first.location ?? first.loc;
  // What stands in no file has a name that begins with a null.
  return at && !at.file.startsWith("\0") ? `${posix(path.relative(server, path.resolve(server, at.file)))}:${at.line}: ${said}` : said;
}

async function run() {
  const bundler = await bundlerOfApp();
  // What Nitro traced may lack files that no module of the build needed; the app's own packages have them all.
  const has = (place) => {
    const found = packageDirectory(packageName(specifiers[0]), place);
    return found && (place === app || inside(server, found));
  };
  const places = (fromApp ? [app] : [server, app]).filter(has);
  if (places.length === 0) throw new Refused("bundle-failed", `\`${packageName(specifiers[0])}\` is neither in the build nor among the packages of the app`);
  const failures = [];
  for (const from of places) {
    external.clear();
    hook = forEffects = undefined;
    licensed.clear();
    try {
      const { code, map, comments, modules } = await bundled(bundler.driver, from);
      if (injects(code)) noteFoundAtRunTime(code, from);
      // A bundler may leave out what names it.
      const wantsHook = hook !== undefined && code.includes(hookName);
      const beside = wantsHook ? await bundler.driver.bundle(hook.from, { specifier: hook.specifier, name: hookName, line: hookHeader }) : undefined;
      const trial = await tried({ code, modules, beside }, from);
      const packages = [...licensed.keys()].sort();
      const hooks = beside && { code: beside.code, map: beside.map };
      return { trial, hook: hooks, code, map, modules, licences: licences(`${comments}\n${beside?.comments ?? ""}`), bundler: bundler.name, packages, external: Object.fromEntries([...external].sort()), from: from === server ? "build" : "app" };
    } catch (error) {
      if (refusal ?? error instanceof Refused) throw refusal ?? error;
      failures.push(reason(error));
    }
  }
  throw new Refused("bundle-failed", failures[0]);
}

// What a bundler prints does not belong to the answer.
const say = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);
let answer;
try {
  answer = await run();
} catch (error) {
  answer = { error: { code: error.code ?? "bundle-failed", message: error instanceof Refused ? error.message : reason(error) } };
}
// The pipe may be full for a while: bundlers make it one that does not wait.
say(JSON.stringify(answer), () => process.exit(0));
