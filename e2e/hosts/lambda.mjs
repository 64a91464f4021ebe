// AWS Lambda without its front: the Runtime API on loopback, and a function's process that talks to it. Mirrors
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and, for streamed responses,
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming.
// Netlify and Stormkit run their functions on it as well.
import { randomUUID } from "node:crypto";
import http from "node:http";
import path from "node:path";
import { answer, bodyOf, expected, fail, functionEnvironment, HOSTS, joinedHeaders, start } from "./front.mjs";

/** How long an invocation may take; what Lambda allows at most. */
const TIMEOUT = 15 * 60_000;
const PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response";
const ARN = "arn:aws:lambda:us-east-1:000000000000:function:server";

/**
 * Starts the function `handler` (`file.export`) of `directory`, and returns what invokes it once it is loaded: a function
 * from an event to what the handler returned, `{ payload }`, or to what it streamed, `{ prelude, stream }`.
 */
export async function startLambda(directory, handler, environment = {}) {
  const waiting = [];
  const running = new Map();
  let poll;
  let loaded;
  const ready = new Promise((resolve) => (loaded = resolve));

  function next() {
    if (!poll || waiting.length === 0) return;
    const { id, event } = waiting.shift();
    const response = poll;
    poll = undefined;
    answer(response, {
      status: 200,
      headers: {
        "content-type": "application/json",
        "lambda-runtime-aws-request-id": id,
        "lambda-runtime-deadline-ms": String(Date.now() + TIMEOUT),
        "lambda-runtime-invoked-function-arn": ARN,
        "lambda-runtime-trace-id": `Root=1-${Math.floor(Date.now() / 1000).toString(16)}-${id.replaceAll("-", "").slice(0, 24)}`,
      },
      body: JSON.stringify(event),
    });
  }

  const accepted = (response) =>
    answer(response, { status: 202, headers: { "content-type": "application/json" }, body: '{"status":"OK"}' });

  const api = http.createServer(async (request, response) => {
    const [, id, what] = /^\/2018-06-01\/runtime\/invocation\/([^/]+)(?:\/(response|error))?$/.exec(request.url) ?? [];
    if (id === "next") {
      poll = response;
      loaded();
      next();
    } else if (request.url === "/2018-06-01/runtime/init/error") {
      const { errorType, errorMessage } = JSON.parse(await bodyOf(request));
      accepted(response);
      fail(`the function could not be initialised: ${errorType}: ${errorMessage}`);
    } else if (what && running.has(id)) {
      const { resolve, reject } = running.get(id);
      running.delete(id);
      if (what === "error") {
        const { errorType, errorMessage } = JSON.parse(await bodyOf(request));
        reject(new Error(`${errorType}: ${errorMessage}`));
      } else if (request.headers["lambda-runtime-function-response-mode"] === "streaming") {
        await streamed(request).then(resolve, reject);
      } else {
        resolve({ payload: JSON.parse(await bodyOf(request)) });
      }
      // A streamed response is acknowledged when it has ended.
      if (request.complete) accepted(response);
      else request.once("end", () => accepted(response));
    } else {
      answer(response, { status: 404, headers: {} });
    }
  });
  // The function asks for its next invocation and waits, for as long as nobody calls.
  api.requestTimeout = 0;
  await new Promise((resolve) => api.listen(0, "127.0.0.1", resolve));

  start(process.execPath, [path.join(HOSTS, "runtimes/lambda.mjs")], {
    cwd: directory,
    env: functionEnvironment({
      _HANDLER: handler,
      AWS_EXECUTION_ENV: `AWS_Lambda_nodejs${process.versions.node.split(".")[0]}.x`,
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "1024",
      AWS_LAMBDA_FUNCTION_NAME: "server",
      AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
      AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
      AWS_LAMBDA_LOG_FORMAT: "Text",
      AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${api.address().port}`,
      AWS_REGION: "us-east-1",
      LAMBDA_TASK_ROOT: directory,
      TZ: ":UTC",
      ...environment,
    }),
  });
  await expected(ready);

  return (event) =>
    new Promise((resolve, reject) => {
      const id = randomUUID();
      running.set(id, { resolve, reject });
      waiting.push({ id, event });
      next();
    });
}

/** Splits a streamed response into its prelude (status and headers, up to eight zero bytes) and the stream after it. */
async function streamed(request) {
  if (request.headers["content-type"] !== PRELUDE_TYPE)
    return { prelude: { statusCode: 200, headers: {} }, stream: request };
  let head = Buffer.alloc(0);
  const chunks = request[Symbol.asyncIterator]();
  while (head.indexOf(Buffer.alloc(8)) < 0) {
    const { done, value } = await chunks.next();
    if (done) throw new Error(failure(request) ?? "the response ended before its prelude did");
    head = Buffer.concat([head, value]);
  }
  const end = head.indexOf(Buffer.alloc(8));
  async function* rest() {
    if (head.length > end + 8) yield head.subarray(end + 8);
    yield* { [Symbol.asyncIterator]: () => chunks };
    const failed = failure(request);
    if (failed) throw new Error(failed);
  }
  return { prelude: JSON.parse(head.subarray(0, end)), stream: rest() };
}

/** A function that fails while it streams says so in a trailer. */
function failure(request) {
  const type = request.trailers["lambda-runtime-function-error-type"];
  return type && `the function failed while it streamed: ${type}`;
}

/**
 * The event that API Gateway (payload version 2.0) and function URLs make of a request:
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
export async function gatewayEvent(request) {
  const url = new URL(request.url, "http://host");
  const { cookie, ...headers } = joinedHeaders(request);
  const body = await bodyOf(request);
  const query = {};
  for (const [name, value] of url.searchParams) query[name] = name in query ? `${query[name]},${value}` : value;
  const now = new Date();
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: url.pathname,
    rawQueryString: url.search.slice(1),
    ...(cookie && { cookies: cookie.split(/; ?/) }),
    headers,
    ...(url.search && { queryStringParameters: query }),
    requestContext: {
      accountId: "anonymous",
      apiId: "api",
      domainName: "api.lambda-url.us-east-1.on.aws",
      domainPrefix: "api",
      http: {
        method: request.method,
        path: url.pathname,
        protocol: "HTTP/1.1",
        sourceIp: "127.0.0.1",
        userAgent: headers["user-agent"] ?? "",
      },
      requestId: randomUUID(),
      routeKey: "$default",
      stage: "$default",
      time: now.toUTCString(),
      timeEpoch: now.getTime(),
    },
    ...(body.length > 0 && { body: body.toString("base64") }),
    isBase64Encoded: body.length > 0,
  };
}
