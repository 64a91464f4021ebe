import { getTraceData } from "@sentry/node";
import { createRootRoute, HeadContent, Outlet, Scripts } from "@tanstack/solid-router";
import { createServerFn } from "@tanstack/solid-start";
import { HydrationScript } from "solid-js/web";

const traceData = createServerFn().handler(() => getTraceData()["sentry-trace"] ?? "");

export const Route = createRootRoute({
  loader: () => traceData(),
  head: ({ loaderData }) => ({ meta: [{ charset: "utf-8" }, { name: "sentry-trace", content: loaderData }] }),
  shellComponent: (props) => (
    <html lang="en">
      <head>
        <HydrationScript />
      </head>
      <body>
        <HeadContent />
        {props.children}
        <Scripts />
      </body>
    </html>
  ),
  component: () => <Outlet />,
});
