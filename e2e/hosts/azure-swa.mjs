// Azure Static Web Apps with a managed function: static files from `.output/public`, the function from
// `.output/server/functions` under `/api`, and in between the routes of `staticwebapp.config.json`. See nitropack,
// src/presets/azure/utils.ts, and https://learn.microsoft.com/azure/static-web-apps/configuration. Host and worker:
// azure.mjs.
//
// Checks besides: as azure-functions.mjs. `staticwebapp.config.json` lies in the app; given the output alone, what
// Nitro writes into it is taken.
import { existsSync } from "node:fs";
import path from "node:path";
import { catchAll, required, startAzure } from "./azure.mjs";
import { answer, findOutput, listen, readJson, serveStatic } from "./front.mjs";

const output = findOutput([".output"], "server/functions/function.json");
const file = path.join(output, "../staticwebapp.config.json");
const config = existsSync(file)
  ? readJson(file)
  : {
      routes: [
        { route: "/index.html", redirect: "/" },
        { route: "/", rewrite: "/api/server" },
      ],
      navigationFallback: { rewrite: "/api/server" },
    };
required(path.join(output, "server/host.json"));
const invoke = await startAzure(path.join(output, "server"), path.join(output, "server/functions"));

listen((request, response) => {
  const url = new URL(request.url, `http://${request.headers.host}`);
  const call = (pathname) =>
    invoke(request, response, {
      route: catchAll(pathname.slice("/api".length)),
      headers: { "x-ms-original-url": url.href },
    });

  const matching = config.routes.find(({ route }) =>
    route.endsWith("*") ? url.pathname.startsWith(route.slice(0, -1)) : route === url.pathname,
  );
  if (matching?.redirect)
    return answer(response, { status: matching.statusCode ?? 302, headers: { location: matching.redirect } });
  const pathname = matching?.rewrite ?? url.pathname;
  if (pathname.startsWith("/api/")) return call(pathname);
  if (serveStatic(request, response, path.join(output, "public"))) return;
  // What is not there falls back, for navigation alone.
  if (request.method !== "GET" && request.method !== "HEAD") return answer(response, { status: 405, headers: {} });
  return call(config.navigationFallback.rewrite);
});
