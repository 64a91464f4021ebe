// Preloaded where the exports of a build are looked at: what hosts other than Node define, as little as it takes to
// import an entry that is made for them.
import cluster from "node:cluster";

// A worker of node-cluster would import the entry again.
if (cluster.isWorker) process.exit(0);

globalThis.awslambda ??= {
  // As AWS's runtime does it: the handler itself, marked.
  streamifyResponse(handler) {
    handler[Symbol.for("aws.lambda.runtime.handler.streaming")] = "response";
    return handler;
  },
  HttpResponseStream: { from: (stream) => stream },
};

const host = process.env.CAPTURE_HOST;
if (host === "bun") {
  globalThis.Bun = { serve: () => ({ port: 0, url: "" }), version: "1" };
}
if (host === "deno") {
  globalThis.Deno = {
    addSignalListener() {},
    build: { os: "linux" },
    env: { get: (name) => process.env[name], toObject: () => process.env },
    exit() {},
    serve: () => ({ finished: Promise.resolve() }),
    unrefTimer() {},
    version: { deno: "2" },
  };
}
