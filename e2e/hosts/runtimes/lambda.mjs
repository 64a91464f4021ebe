// The process that Lambda runs a function in: `/var/runtime/bootstrap` of the managed Node.js runtimes, which is the
// package aws-lambda-ric (3.3.0): its `run`, its loader of handlers, its `awslambda` global, its streaming.
//
// One part of it is not the package's: `rapid-client.node`, a HTTP client for the Runtime API in C++, made with CMake
// when the package is installed. What follows takes its place, with the same three functions. It is handed over once,
// before the handler is loaded, and nothing of the module system stays changed.
import http from "node:http";
import Module from "node:module";
import path from "node:path";

// Taken before the function can instrument it: the runtime's own requests are made by C++ on Lambda.
const { request } = http;
const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
// One socket, so that an answer always arrives before the next invocation is asked for.
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, pathname, body, headers) {
  return new Promise((resolve, reject) => {
    const sent = request(
      { hostname, port, agent, method, path: `/2018-06-01/runtime/${pathname}`, headers },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk) => (text += chunk));
        response.on("end", () => resolve({ bodyJson: text, headers: response.headers })).on("error", reject);
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

// Without the Runtime API there is nobody to tell.
const lost = () => process.exit(1);
const json = { "content-type": "application/json" };
const client = {
  initializeClient() {},
  next: () => call("GET", "invocation/next"),
  done(id, body) {
    call("POST", `invocation/${id}/response`, body, json).catch(lost);
  },
  error(id, body, cause) {
    const headers = { ...json, "lambda-runtime-function-xray-error-cause": encodeURIComponent(cause ?? "") };
    call("POST", `invocation/${id}/error`, body, headers).catch(lost);
  },
};

const load = Module._load;
Module._load = function (name, ...rest) {
  if (path.basename(name) !== "rapid-client.node") return load.call(this, name, ...rest);
  Module._load = load;
  return client;
};

const { run } = await import("aws-lambda-ric");
await run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
