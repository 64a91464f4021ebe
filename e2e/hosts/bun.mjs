// Bun: `bun run server/index.mjs` in `.output`, as the build's nitro.json has it (nitropack,
// src/presets/bun/preset.ts), with the binary of @oven/bun-linux-x64 1.4.5.
//
// Checks besides: nitro.json says so.
import path from "node:path";
import { engine } from "./engine.mjs";
import { fail, findOutput, functionEnvironment, lineOf, readJson, start } from "./front.mjs";

const output = findOutput([".output"], "nitro.json");
const { commands } = readJson(path.join(output, "nitro.json"));
if (commands?.preview !== "bun run server/index.mjs" && commands?.preview !== "bun run ./server/index.mjs") {
  fail(`the build is started with \`${commands?.preview}\`, not with \`bun run server/index.mjs\``);
}
const port = process.env.PORT;
const child = start(engine("bun", "@oven/bun-linux-x64/bin/bun"), ["run", "server/index.mjs"], {
  cwd: output,
  env: functionEnvironment({ PORT: port, HOST: "127.0.0.1" }),
});
await lineOf(child, (line) => line.startsWith("Listening on http"));
console.log(`Listening on http://127.0.0.1:${port}`);
