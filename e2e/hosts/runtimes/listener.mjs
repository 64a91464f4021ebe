// The process of a function that is a Node.js request listener: imports the entry, mounts its default export in an HTTP
// server on a port of its own, and tells the platform which. Mirrors Vercel's launcher as far as it is public:
// @vercel/node (24.0.0), src/serverless-functions/serverless-handler.mts. Zeabur's functions have the same shape.
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

// What `waitUntil` of @vercel/functions, and the SDK's flushing, ask for.
const pending = new Set();
Object.defineProperty(globalThis, Symbol.for("@vercel/request-context"), {
  configurable: true,
  value: {
    get: () => ({
      waitUntil(promise) {
        pending.add(promise);
        Promise.resolve(promise).finally(() => pending.delete(promise));
      },
    }),
  },
});

let listener = await import(pathToFileURL(process.argv[2]).href);
// A CommonJS module that was compiled from ESM has its default export inside of a default export.
for (let depth = 0; depth < 5 && listener.default; depth++) listener = listener.default;
if (typeof listener !== "function") {
  console.error(`error: the default export of \`${process.argv[2]}\` is ${typeof listener}, not a request listener`);
  process.exit(1);
}

const server = createServer(listener);
server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
process.on("SIGTERM", async () => {
  server.close();
  await Promise.allSettled(pending);
  process.exit(0);
});
