// AWS Lambda behind API Gateway (HTTP API, payload version 2.0). The function's directory is the task root, and the
// handler is `index.handler`. Mirrors aws-lambda-ric 3.3.0 and the Runtime API, see lambda.mjs.
//
// Checks besides: the handler must answer in one piece. Static files are not served: they go to a CDN of one's own.
import { findOutput, listen } from "./front.mjs";
import { answerPayload } from "./lambda-payload.mjs";
import { gatewayEvent, startLambda } from "./lambda.mjs";

const directory = findOutput([".output/server"], "index.mjs");
const invoke = await startLambda(directory, "index.handler");

listen(async (request, response) => {
  const { payload, stream } = await invoke(await gatewayEvent(request));
  if (stream) throw new Error("the function streams its response, which API Gateway does not take");
  answerPayload(response, payload);
});
