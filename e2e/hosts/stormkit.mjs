// Stormkit: the function is `.stormkit/server`, on AWS Lambda (lambda.mjs). The event is what Nitro's handler reads, as
// Stormkit has no public description of it: `url` with its query, `method`, `headers`, `query`, `body`; the answer has
// `body` for text or `buffer` in base64. See nitropack, src/presets/stormkit/runtime/stormkit.ts. Static files are in
// `.stormkit/public`.
//
// Checks besides: none.
import { existsSync } from "node:fs";
import path from "node:path";
import { answer, bodyOf, findOutput, joinedHeaders, listen, serveStatic } from "./front.mjs";
import { startLambda } from "./lambda.mjs";

const output = findOutput([".stormkit"], "server/index.mjs");
const invoke = await startLambda(path.join(output, "server"), "index.handler");
const assets = path.join(output, "public");

listen(async (request, response) => {
  if (existsSync(assets) && serveStatic(request, response, assets)) return;
  const body = await bodyOf(request);
  const { payload } = await invoke({
    url: request.url,
    method: request.method,
    headers: joinedHeaders(request),
    query: Object.fromEntries(new URL(request.url, "http://host").searchParams),
    body: body.length > 0 ? body.toString("utf8") : undefined,
  });
  if (!Number.isInteger(payload?.statusCode))
    throw new Error(`the function returned no \`statusCode\`: ${JSON.stringify(payload)}`);
  const { statusCode, headers, buffer } = payload;
  answer(response, {
    status: statusCode,
    headers,
    body: buffer === undefined ? payload.body : Buffer.from(buffer, "base64"),
  });
});
