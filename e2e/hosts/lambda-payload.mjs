// HTTP responses from what Lambda handlers answer with. It starts nothing, so a function's process may use it, too.

/** Answers with what a handler returned, as API Gateway reads it. */
export function answerPayload(response, payload) {
  const { statusCode, headers = {}, multiValueHeaders = {}, cookies, body = "", isBase64Encoded } = payload ?? {};
  if (!Number.isInteger(statusCode))
    throw new Error(`the function returned no \`statusCode\`: ${JSON.stringify(payload)}`);
  response.writeHead(statusCode, {
    ...plain(headers),
    ...multiValueHeaders,
    ...(cookies && { "set-cookie": cookies }),
  });
  response.end(Buffer.from(body, isBase64Encoded ? "base64" : "utf8"));
}

/** Answers with what a handler streams. */
export async function answerStream(response, { prelude, stream }) {
  const { statusCode, headers = {}, multiValueHeaders = {}, cookies } = prelude;
  response.writeHead(statusCode, {
    ...plain(headers),
    ...multiValueHeaders,
    ...(cookies && { "set-cookie": cookies }),
  });
  response.flushHeaders();
  for await (const chunk of stream) response.write(chunk);
  response.end();
}

/** Framing is the gateway's own affair. */
function plain(headers) {
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => !["transfer-encoding", "connection", "content-length"].includes(name.toLowerCase()),
    ),
  );
}
