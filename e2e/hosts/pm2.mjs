// PM2: `pm2-runtime`, the form of it that stays in front, with the app's `ecosystem.config.cjs` and `.output` in an empty
// directory. PM2 itself is that of pm2/package.json.
//
// Checks besides: the app runs in the mode `fork`, and PM2 does not start it again.
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { copy, emptyDirectory, inPlace } from "./alone.mjs";
import { expected, fail, functionEnvironment, HOSTS, start } from "./front.mjs";

const app = path.resolve(process.argv[2]);
const root = emptyDirectory("pm2");
copy(path.join(app, ".output"), path.join(root, ".output"));
const { apps } = createRequire(import.meta.url)(path.join(app, "ecosystem.config.cjs"));
if (apps.length !== 1 || apps[0].exec_mode !== "fork") fail("the recipe starts one app in the mode `fork`");

const port = process.env.PORT;
// A preload is meant for the app and not for PM2.
const { NODE_OPTIONS, ...environment } = functionEnvironment({ PORT: port, HOST: "127.0.0.1" });
const preload = NODE_OPTIONS && { node_args: NODE_OPTIONS };
const config = path.join(root, "ecosystem.config.cjs");
writeFileSync(config, `module.exports = ${JSON.stringify({ apps: [{ ...apps[0], cwd: inPlace ? app : root, ...preload }] })};\n`);
const home = path.join(root, "home");
mkdirSync(home);
const child = start(
  process.execPath,
  [path.join(HOSTS, "pm2/node_modules/pm2/bin/pm2-runtime"), "start", config, "--no-auto-exit"],
  { cwd: root, env: { ...environment, HOME: home, PM2_HOME: path.join(home, ".pm2"), PM2_DISCRETE_MODE: "1" } },
);
child.on("line", (line) => {
  if (/exited with code \[[^0]/.test(line)) fail("the app ended, and PM2 starts it again");
});
await expected(
  new Promise((resolve) => child.on("line", (line) => /Listening on http/.test(line) && resolve())),
);
console.log(`Listening on http://127.0.0.1:${port}`);
