// @refresh reload
import { getTraceData } from "@sentry/node";
import { createHandler, StartServer } from "@solidjs/start/server";

// The SDK for SolidStart knows version 1 alone, so the page asks the SDK for Node.js for its meta tags.
export default createHandler(() => (
  <StartServer
    document={({ assets, children, scripts }) => (
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <title>presentry fixture: solidstart-2</title>
          <meta name="sentry-trace" content={getTraceData()["sentry-trace"]} />
          {assets}
        </head>
        <body>
          <div id="app">{children}</div>
          {scripts}
        </body>
      </html>
    )}
  />
));
