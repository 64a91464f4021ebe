// The process of a function on Genezio, as far as its command shows: see genezio.mjs. How the platform calls the
// wrapper is not public, so wrapper and server are one here.
import { isUtf8 } from "node:buffer";
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";
import { answerPayload } from "../lambda-payload.mjs";

const { handler } = await import(pathToFileURL(process.argv[2]).href);
if (typeof handler !== "function") {
  console.error(`error: \`handler\` of \`${process.argv[2]}\` is ${typeof handler}`);
  process.exit(1);
}

const server = createServer(async (request, response) => {
  try {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const url = new URL(request.url, `http://${request.headers.host}`);
    const [prefix] = request.headers.host.split(".");
    const now = Date.now();
    const answered = await handler({
      version: "2.0",
      routeKey: "$default",
      rawPath: url.pathname,
      // With its question mark, which API Gateway leaves out.
      rawQueryString: url.search,
      headers: { ...request.headers },
      queryStringParameters: Object.fromEntries(url.searchParams),
      requestContext: {
        accountId: "anonymous",
        apiId: prefix,
        domainName: request.headers.host,
        domainPrefix: prefix,
        http: {
          method: request.method,
          path: url.pathname,
          protocol: "HTTP/1.1",
          sourceIp: "127.0.0.1",
          userAgent: request.headers["user-agent"],
        },
        requestId: "undefined",
        routeKey: "$default",
        stage: "$default",
        time: new Date(now).toUTCString(),
        timeEpoch: now,
      },
      body: body.toString(isUtf8(body) ? "utf8" : "base64"),
      isBase64Encoded: !isUtf8(body),
    });
    answerPayload(response, answered);
  } catch (error) {
    console.error(error);
    response.writeHead(500).end();
  }
});
server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
process.on("SIGTERM", () => process.exit(0));
