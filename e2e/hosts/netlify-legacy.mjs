// Netlify Functions, API version 1 (`handler(event, context)`), on AWS Lambda: @netlify/zip-it-and-ship-it 14.7.1 finds
// the function, aws-lambda-ric 3.3.0 runs it (lambda.mjs), and the event is the one of
// https://docs.netlify.com/build/functions/lambda-compatibility/. Static files are in `dist`, everything else goes to
// the function, as `dist/_redirects` says.
//
// Checks besides: the function is found as one of version 1. The preset `netlify-builder` is an exception: the
// `server.mjs` that Nitro writes for it re-exports a default export which its `main.mjs` has not, with us or without,
// so what is started is the handler of `main.mjs`.
import { existsSync } from "node:fs";
import path from "node:path";
import { listFunctions } from "@netlify/zip-it-and-ship-it";
import { answer, bodyOf, fail, findOutput, joinedHeaders, listen, readJson, serveStatic } from "./front.mjs";
import { answerPayload } from "./lambda-payload.mjs";
import { startLambda } from "./lambda.mjs";

const output = findOutput([".netlify/functions-internal"], "server/server.mjs");
const dist = path.resolve(output, "../../dist");
const builder = readJson(path.join(output, "nitro.json")).preset === "netlify-builder";

const found = (await listFunctions([output], { parseISC: true })).find(({ name }) => name === "server");
if (!found) fail(`no function \`server\` in \`${output}\``);
const { mainFile, runtimeAPIVersion } = found;
if (!builder && runtimeAPIVersion !== 1)
  fail(`\`${mainFile}\` is a function of API version ${runtimeAPIVersion}, not 1`);

const file = builder ? path.join(path.dirname(mainFile), "main.mjs") : mainFile;
const invoke = await startLambda(path.dirname(file), `${path.basename(file, ".mjs")}.handler`, {
  SITE_ID: "00000000-0000-0000-0000-000000000000",
  SITE_NAME: "presentry",
  URL: "http://localhost",
});

listen(async (request, response) => {
  if (existsSync(dist) && serveStatic(request, response, dist)) return;
  const url = new URL(request.url, "http://host");
  if (url.pathname.startsWith("/.netlify/")) return answer(response, { status: 404, headers: {} });
  const body = await bodyOf(request);
  const values = {};
  for (const name of url.searchParams.keys()) values[name] = url.searchParams.getAll(name);
  const headers = joinedHeaders(request);
  const { payload } = await invoke({
    path: url.pathname,
    httpMethod: request.method,
    headers,
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    queryStringParameters: Object.fromEntries(Object.entries(values).map(([name, all]) => [name, all.join(", ")])),
    multiValueQueryStringParameters: values,
    rawUrl: `http://${request.headers.host}${request.url}`,
    rawQuery: url.search.slice(1),
    body: body.length > 0 ? body.toString("base64") : null,
    isBase64Encoded: body.length > 0,
  });
  answerPayload(response, payload);
});
