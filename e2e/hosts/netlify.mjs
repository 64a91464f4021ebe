// Netlify Functions, API version 2 (Request → Response), on AWS Lambda: @netlify/zip-it-and-ship-it 14.7.1 finds the
// function and reads its `config` statically as a deployment does, @netlify/serverless-functions-api 2.16.0 is the
// bootstrap that runs in the function's process (runtimes/netlify.mjs), aws-lambda-ric 3.3.0 runs that (lambda.mjs).
// Static files are in `dist`.
//
// Checks besides: the function is found as one of version 2, and its path, excluded path and `preferStatic` can be read
// without running it. It is the routing that is read there that requests go by.
import { existsSync } from "node:fs";
import path from "node:path";
import { listFunctions } from "@netlify/zip-it-and-ship-it";
import { answer, bodyOf, fail, findOutput, HOSTS, joinedHeaders, listen, serveStatic } from "./front.mjs";
import { answerStream } from "./lambda-payload.mjs";
import { startLambda } from "./lambda.mjs";

const output = findOutput([".netlify/functions-internal"], "server/server.mjs");
const dist = path.resolve(output, "../../dist");

const found = (await listFunctions([output], { parseISC: true })).find(({ name }) => name === "server");
if (!found) fail(`no function \`server\` in \`${output}\``);
const { mainFile, routes = [], excludedRoutes = [], runtimeAPIVersion } = found;
if (runtimeAPIVersion !== 2)
  fail(`\`${mainFile}\` is a function of API version ${runtimeAPIVersion}, not 2: no default export is seen`);
if (routes.length === 0) fail(`the \`config\` of \`${mainFile}\` cannot be read statically: it has no \`path\``);
if (!routes.some((route) => route.pattern === "/*" && route.prefer_static)) {
  fail(`the \`config\` of \`${mainFile}\` was read as ${JSON.stringify(routes)}, without \`/*\` and \`preferStatic\``);
}

const invoke = await startLambda(path.dirname(mainFile), path.join(HOSTS, "runtimes/netlify.handler"), {
  NETLIFY_FUNCTION_FILE: mainFile,
  SITE_ID: "00000000-0000-0000-0000-000000000000",
  SITE_NAME: "presentry",
  URL: "http://localhost",
});

const matches = (patterns, pathname) =>
  patterns.find(({ expression, literal }) =>
    expression ? new RegExp(expression).test(pathname) : literal === pathname,
  );

listen(async (request, response) => {
  const { pathname } = new URL(request.url, "http://host");
  const route = matches(routes, pathname);
  if (!route || matches(excludedRoutes, pathname)) {
    if (!serveStatic(request, response, dist)) answer(response, { status: 404, headers: {} });
    return;
  }
  if (route.prefer_static && existsSync(dist) && serveStatic(request, response, dist)) return;
  const body = await bodyOf(request);
  const { stream, prelude } = await invoke({
    rawUrl: `http://${request.headers.host}${request.url}`,
    path: pathname,
    httpMethod: request.method,
    headers: joinedHeaders(request),
    body: body.length > 0 ? body.toString("base64") : undefined,
    isBase64Encoded: body.length > 0,
    route: route.pattern,
  });
  if (!stream) throw new Error("the bootstrap did not stream its response");
  await answerStream(response, { prelude, stream });
});
