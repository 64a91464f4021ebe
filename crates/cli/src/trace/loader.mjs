// Loads an entry as a host does that imports it, or requires it, and calls what it exports with the requests of the trace.
// The platform itself, its routes, static files and variables, are not here.
import { readFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import { PassThrough } from "node:stream";
import { pathToFileURL } from "node:url";

const { entry, required, lambda, called, requests } = JSON.parse(readFileSync(process.env.PRESENTRY_TRACE, "utf8"));
const trace = globalThis[Symbol.for("presentry.trace")];

// What Lambda's runtime defines before it imports a handler that streams its response.
let streams = false;
if (lambda) {
  globalThis.awslambda ??= {
    streamifyResponse(handler) {
      streams = true;
      return handler;
    },
    HttpResponseStream: {
      from(stream, { statusCode } = {}) {
        stream.statusCode = statusCode;
        return stream;
      },
    },
  };
}

// A function may have a name of its own (`firebase.serverFunctionName`), where it is the only one.
function find(exported, name) {
  if (typeof exported[name] === "function") return exported[name];
  const functions = Object.values(exported).filter((value) => typeof value === "function");
  return functions.length === 1 ? functions[0] : undefined;
}

async function answerAll(handler) {
  const now = () => performance.timeOrigin + performance.now();
  // The trace ends the process, when what is waiting was sent.
  setInterval(() => {}, 60_000);
  for (const [index, request] of requests.entries()) {
    const started = now();
    try {
      const status = await STYLES[called.style](handler, request);
      trace.answered({ index, started, ended: now(), status: Number(status) || 200, error: null });
    } catch (error) {
      trace.answered({ index, started, ended: now(), status: null, error: String(error?.message ?? error) });
    }
  }
}

const STYLES = {
  async fetch(handler, { method, path, headers, body }) {
    const bare = body.length === 0 || method === "GET" || method === "HEAD";
    const response = await handler(new Request(`http://127.0.0.1${path}`, { method, headers, body: bare ? null : body }));
    await response.arrayBuffer();
    return response.status;
  },
  async event(handler, request) {
    const context = { callbackWaitsForEmptyEventLoop: false, functionName: "server", awsRequestId: "trace" };
    if (!streams) return (await handler(event(request), context))?.statusCode;
    const stream = new PassThrough();
    stream.resume();
    await handler(event(request), stream, context);
    return stream.statusCode;
  },
  async context(handler, { method, path, headers, body }) {
    const url = new URL(path, "http://127.0.0.1");
    const context = { res: {}, log: console.log, done() {} };
    const params = { url: url.pathname.slice(1) };
    const given = { ...lower(headers), "x-ms-original-url": `http://127.0.0.1${path}` };
    const query = Object.fromEntries(url.searchParams);
    await handler(context, { method, url: url.href, headers: given, params, query, body, rawBody: body });
    return context.res?.status;
  },
};

function lower(headers) {
  return Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
}

// One event for the platforms that call a `handler`: payload version 2.0 of API Gateway, the older members that Netlify
// sends, and those of Stormkit.
function event({ method, path, headers, body }) {
  const url = new URL(path, "http://127.0.0.1");
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: url.pathname,
    rawQueryString: url.search.slice(1),
    rawUrl: url.href,
    path: url.pathname,
    url: path,
    method,
    httpMethod: method,
    headers: lower(headers),
    queryStringParameters: Object.fromEntries(url.searchParams),
    requestContext: { http: { method, path: url.pathname, protocol: "HTTP/1.1", sourceIp: "127.0.0.1" } },
    body: body === "" ? undefined : body,
    isBase64Encoded: false,
  };
}

const exported = required ? createRequire(import.meta.url)(entry) : await import(pathToFileURL(entry).href);
trace.imported();
const handler = called === null ? undefined : find(exported, called.export);

if (handler === undefined) process.exit(0);
if (called.style === "listener") http.createServer(handler).listen(Number(process.env.PORT), "127.0.0.1");
else await answerAll(handler);
