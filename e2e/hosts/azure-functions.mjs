// Azure Functions with a function app of its own: what is deployed is `.output/deploy.zip`, see nitropack,
// src/presets/azure/preset.ts. So that archive is what runs, from a directory of its own that goes away with the host;
// what was changed in `.output` and not in the archive is not there. `AZURE_RUN_FROM=directory` starts `.output` itself
// instead. Host and worker: azure.mjs.
//
// Checks besides: `host.json` and `function.json` are there, one file can be taken for the function, and its entry
// point is a function. There is no CDN: Nitro serves the static files.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { unzipSync } from "fflate";
import { catchAll, required, startAzure } from "./azure.mjs";
import { answer, fail, findOutput, listen, readJson } from "./front.mjs";

const output = findOutput([".output"], "host.json");
let root = output;
if (process.env.AZURE_RUN_FROM !== "directory") {
  root = realpathSync(mkdtempSync(path.join(os.tmpdir(), "azure-functions-")));
  process.on("exit", () => rmSync(root, { recursive: true, force: true }));
  for (const [name, bytes] of Object.entries(unzipSync(readFileSync(required(path.join(output, "deploy.zip")))))) {
    const file = path.join(root, name);
    if (name.endsWith("/")) continue;
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
}
const { version, extensions } = readJson(required(path.join(root, "host.json")));
const prefix = `/${extensions?.http?.routePrefix ?? "api"}`.replace(/\/$/, "");
if (version !== "2.0" || !existsSync(path.join(root, "server/function.json")))
  fail(`\`${root}\` is no function app of version 2`);
const invoke = await startAzure(root, path.join(root, "server"));

listen((request, response) => {
  const { pathname } = new URL(request.url, "http://host");
  if (!pathname.startsWith(`${prefix}/`)) return answer(response, { status: 404, headers: {} });
  return invoke(request, response, { route: catchAll(pathname.slice(prefix.length)) });
});
