// iisnode (0.2.26): IIS starts `node interceptor.js .output/index.js` and talks to it through a named pipe that `PORT`
// names. runtimes/iisnode.cjs is that interceptor; a Unix socket with the name of a pipe, backslashes and all, is the
// pipe, so that Nitro's `.output/index.js` takes the branch it takes on Windows. See nitropack,
// src/presets/iis/utils.ts. `IISNODE_PORT=tcp` gives it a port instead.
//
// `web.config` of the preset rewrites what is a file below `public` to that file, and the rest to `index.js`.
//
// Checks besides: `web.config` names `index.js` as the handler of iisnode.
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import {
  accepting,
  fail,
  findOutput,
  freePort,
  functionEnvironment,
  HOSTS,
  listen,
  proxy,
  serveStatic,
  start,
} from "./front.mjs";

const output = findOutput([".output"], "index.js");
const config = readFileSync(path.join(output, "web.config"), "utf8");
if (!/<add\s+name="iisnode"\s+path="index\.js"/.test(config))
  fail("`web.config` has no handler of iisnode for `index.js`");

// A name that begins with backslashes is relative on Unix, so the process starts where the socket may lie.
const scratch = realpathSync(mkdtempSync(path.join(os.tmpdir(), "iisnode-")));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
const pipe = "\\\\.\\pipe\\presentry";
const target = process.env.IISNODE_PORT === "tcp" ? { port: await freePort() } : { path: path.join(scratch, pipe) };

start(process.execPath, [path.join(HOSTS, "runtimes/iisnode.cjs"), path.join(output, "index.js")], {
  cwd: scratch,
  env: functionEnvironment({
    PORT: target.path ? pipe : String(target.port),
    HOST: "127.0.0.1",
    IISNODE_VERSION: "0.2.26",
  }),
});
await accepting(target);

listen((request, response) => {
  if (serveStatic(request, response, path.join(output, "public"))) return;
  return proxy(request, response, target);
});
