// Deno: the task `start` of the build's `deno.json` (nitropack, src/presets/deno), run in `.output`, with the binary of
// @deno/linux-x64-glibc 2.9.6. The flags are those of the task and `--allow-sys`, without which `@sentry/node` cannot
// start; a task that has it already is taken as it is.
//
// Checks besides: the task runs `./server/index.mjs` and nothing else.
import path from "node:path";
import { engine } from "./engine.mjs";
import { fail, findOutput, functionEnvironment, lineOf, readJson, start } from "./front.mjs";

const output = findOutput([".output"], "deno.json");
const task = readJson(path.join(output, "deno.json")).tasks?.start;
const [program, run, ...words] = (task ?? "").split(" ");
const flags = words.filter((word) => word.startsWith("-"));
const files = words.filter((word) => !word.startsWith("-"));
if (program !== "deno" || run !== "run" || files.join() !== "./server/index.mjs")
  fail(`the task \`start\` is \`${task}\``);
if (!flags.includes("--allow-sys")) flags.push("--allow-sys");

const port = process.env.PORT;
const child = start(engine("deno", "@deno/linux-x64-glibc/deno"), ["run", "--no-prompt", ...flags, ...files], {
  cwd: output,
  env: functionEnvironment({ PORT: port, HOST: "127.0.0.1", NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" }),
});
// `Listening 127.0.0.1:3000` from Nitro's older entry, `Listening on http://…` from Deno itself.
await lineOf(child, (line) => /^Listening /.test(line));
console.log(`Listening on http://127.0.0.1:${port}`);
