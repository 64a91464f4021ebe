// Genezio's functions of the type `aws`: the command wraps the handler (genezio 3.2.10,
// src/functionHandlerProvider/providers/AwsFunctionHandlerProvider.ts), which makes an event of API Gateway, payload
// version 2.0, of each request, calls the handler with that event alone, without a context, and turns its answer back.
// The process is runtimes/genezio.mjs.
//
// Checks besides: the handler is a function, and answers with headers. Genezio serves static files from a CDN:
// `.output/public`.
import { existsSync } from "node:fs";
import path from "node:path";
import { findOutput, functionEnvironment, HOSTS, listen, messageOf, proxy, serveStatic, start } from "./front.mjs";

const output = findOutput([".output"], "server/index.mjs");
const child = start(
  process.execPath,
  [path.join(HOSTS, "runtimes/genezio.mjs"), path.join(output, "server/index.mjs")],
  {
    cwd: output,
    ipc: true,
    env: functionEnvironment({}),
  },
);
const { port } = await messageOf(child);
const assets = path.join(output, "public");

listen((request, response) => {
  if (existsSync(assets) && serveStatic(request, response, assets)) return;
  return proxy(request, response, { port });
});
