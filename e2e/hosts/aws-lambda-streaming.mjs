// AWS Lambda behind a function URL with the invoke mode `RESPONSE_STREAM`, for builds with `awsLambda: { streaming:
// true }`. Mirrors aws-lambda-ric 3.3.0 and the Runtime API, see lambda.mjs, and
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html.
//
// Checks besides: the runtime must take the handler for a streaming one. It does so by the handler's own property
// `Symbol(aws.lambda.runtime.handler.streaming)`, and the mode of the first response tells: one in a single piece ends
// the host.
import { answer, fail, findOutput, listen } from "./front.mjs";
import { answerStream } from "./lambda-payload.mjs";
import { gatewayEvent, startLambda } from "./lambda.mjs";

const directory = findOutput([".output/server"], "index.mjs");
const invoke = await startLambda(directory, "index.handler");

listen(async (request, response) => {
  let invoked;
  try {
    invoked = await invoke(await gatewayEvent(request));
  } catch (error) {
    // Without its symbol, the handler is called as `(event, context)` and takes the context for the stream.
    answer(response, { status: 502, headers: {}, body: `${error.message}\n` });
    return fail(error.message);
  }
  if (invoked.stream) return answerStream(response, invoked);
  answer(response, { status: 502, headers: {} });
  fail("the handler is not marked as streaming: `Symbol(aws.lambda.runtime.handler.streaming)` is missing");
});
