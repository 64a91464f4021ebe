// A server of one's own that mounts the built listener, which is what the preset `node-listener` (`node`) is for: see
// nitropack, src/presets/node/runtime/node-listener.ts. This process is that server; there is no platform.
//
// Checks besides: `listener` is a function of two parameters, `handler` is one, and `websocket` is an object or nothing.
import { createServer } from "node:http";
import path from "node:path";
import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";

const given = path.resolve(process.argv[2] ?? ".");
const entry = [given, path.join(given, ".output/server")]
  .map((directory) => path.join(directory, "index.mjs"))
  .find(existsSync);
if (!entry) {
  console.error(`error: no \`index.mjs\` in \`${given}\` or its \`.output/server\``);
  process.exit(1);
}

const { listener, handler, websocket } = await import(pathToFileURL(entry).href);
for (const [broken, reason] of [
  [typeof listener !== "function", `\`listener\` is ${typeof listener}, not a function`],
  [listener?.length !== 2, `\`listener\` takes ${listener?.length} parameters, not 2`],
  [typeof handler !== "function", `\`handler\` is ${typeof handler}, not a function`],
  [websocket !== undefined && typeof websocket !== "object", `\`websocket\` is ${typeof websocket}`],
]) {
  if (broken) {
    console.error(`error: ${reason}`);
    process.exit(1);
  }
}

const server = createServer(listener);
server.listen(Number(process.env.PORT), "127.0.0.1", () => {
  console.log(`Listening on http://127.0.0.1:${server.address().port}`);
});
process.on("SIGTERM", () => process.exit(0));
