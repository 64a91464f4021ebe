import * as Sentry from "@sentry/node";

// A page as a plain Nitro app writes it: the SDK has no middleware for one, so it puts the meta tags in itself.
export default defineEventHandler((event) => {
  setResponseHeader(event, "content-type", "text/html; charset=utf-8");
  const { "sentry-trace": trace, baggage } = Sentry.getTraceData();
  return `<!doctype html>
<html lang="en">
  <head>
    <title>presentry fixture: nitro</title>
    <meta name="sentry-trace" content="${trace}"/>
    <meta name="baggage" content="${baggage}"/>
  </head>
  <body>
    <p id="greeting">Hello from the server, Node ${process.versions.node.split(".")[0]}</p>
  </body>
</html>
`;
});
