// The host of Azure Functions without its front: finds the script of a function as azure-functions-host does
// (src/WebJobs.Script/Host/HostFunctionMetadataProvider.cs, `DeterminePrimaryScriptFile`), starts the worker
// (runtimes/azure.mjs) and speaks its protocol (azure-functions-language-worker-protobuf, FunctionRpc.proto): requests
// go in as `RpcHttp`, responses come back as it.
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import {
  answer,
  bodyOf,
  expected,
  fail,
  functionEnvironment,
  HOSTS,
  joinedHeaders,
  readJson,
  start,
} from "./front.mjs";

/**
 * Starts the function in `directory`, and returns what answers a request with it. `route` is what of the request's path the
 * route of the function leaves over.
 */
export async function startAzure(root, directory) {
  const definition = readJson(path.join(directory, "function.json"));
  const trigger = definition.bindings.find(({ type, direction }) => type === "httpTrigger" && direction === "in");
  const output = definition.bindings.find(({ type, direction }) => type === "http" && direction === "out");
  if (!trigger || !output) fail(`\`${directory}/function.json\` binds no HTTP request and response`);
  if (trigger.route !== "{*url}") fail(`the route of \`${directory}\` is \`${trigger.route}\`, not \`{*url}\``);

  const worker = start(
    process.execPath,
    [
      path.join(HOSTS, "runtimes/azure.mjs"),
      JSON.stringify({
        name: path.basename(directory),
        directory,
        scriptFile: primaryScript(directory, definition),
        entryPoint: definition.entryPoint,
        bindings: Object.fromEntries(
          definition.bindings.map(({ name, type, direction }) => [name, { type, direction }]),
        ),
        httpOutput: output.name,
      }),
    ],
    {
      cwd: root,
      ipc: true,
      env: functionEnvironment({
        AzureWebJobsScriptRoot: root,
        FUNCTIONS_EXTENSION_VERSION: "~4",
        FUNCTIONS_WORKER_RUNTIME: "node",
        WEBSITE_SITE_NAME: "presentry",
      }),
    },
  );
  const running = new Map();
  await expected(
    new Promise((resolve) => {
      worker.on("message", (message) => {
        if (message.loaded) return resolve();
        running.get(message.invocationId)?.(message);
        running.delete(message.invocationId);
      });
    }),
  );

  return async (request, response, { route, headers = {} }) => {
    const invocationId = randomUUID();
    const url = new URL(request.url, `http://${request.headers.host}`);
    const body = await bodyOf(request);
    const http = {
      method: request.method,
      url: url.href,
      headers: { ...joinedHeaders(request), ...headers },
      query: Object.fromEntries(url.searchParams),
      params: { url: route },
      ...(body.length > 0 && { body: { bytes: body.toString("base64") } }),
    };
    const answered = new Promise((resolve) => running.set(invocationId, resolve));
    worker.send({
      invocationId,
      functionId: "server",
      inputData: [{ name: trigger.name, data: { http } }],
      triggerMetadata: {},
      traceContext: { traceParent: "", traceState: "", attributes: {} },
      retryContext: null,
    });
    const message = await answered;
    if (message.error) {
      console.error(message.error);
      return answer(response, { status: 500, headers: {} });
    }
    answerRpc(response, message.http ?? {});
  };
}

/** The file that is the function where `function.json` does not say. */
function primaryScript(directory, { scriptFile }) {
  if (scriptFile) return path.join(directory, scriptFile);
  const files = readdirSync(directory).filter(
    (name) => name !== "function.json" && statSync(path.join(directory, name)).isFile(),
  );
  const named = files.filter((name) => /^run\.[^.]+$/i.test(name) || /^index\.[cm]?js$/i.test(name));
  const found = files.length === 1 ? files : named;
  if (found.length === 0) fail(`no file in \`${directory}\` can be taken for the function`);
  if (found.length > 1) fail(`\`${found.join("` and `")}\` in \`${directory}\` can both be taken for the function`);
  return path.join(directory, found[0]);
}

function answerRpc(response, { statusCode, headers = {}, cookies = [], body }) {
  const value =
    body &&
    (body.string ??
      body.json ??
      (body.bytes && Buffer.from(body.bytes, "base64")) ??
      String(body.int ?? body.double ?? ""));
  const set = cookies.map(({ name, value: text, path: at, domain, expires, maxAge, secure, httpOnly, sameSite }) =>
    [
      `${name}=${text}`,
      domain?.value && `Domain=${domain.value}`,
      at?.value && `Path=${at.value}`,
      expires?.value && `Expires=${new Date(expires.value.seconds * 1000).toUTCString()}`,
      maxAge?.value !== undefined && `Max-Age=${maxAge.value}`,
      secure?.value && "Secure",
      httpOnly?.value && "HttpOnly",
      { lax: "SameSite=Lax", strict: "SameSite=Strict", explicitNone: "SameSite=None" }[sameSite],
    ]
      .filter(Boolean)
      .join("; "),
  );
  const own = Object.entries(headers).filter(
    ([name]) => !["transfer-encoding", "content-length", "set-cookie"].includes(name.toLowerCase()),
  );
  answer(response, {
    status: Number(statusCode) || 200,
    headers: { ...Object.fromEntries(own), ...(set.length > 0 && { "set-cookie": set }) },
    body: value,
  });
}

/** What a catch-all of an ASP.NET route holds of a path: decoded, except for slashes that were encoded. */
export function catchAll(pathname) {
  return pathname
    .replace(/^\//, "")
    .split(/(%2F)/i)
    .map((part) => (/^%2F$/i.test(part) ? part : decodeURIComponent(part)))
    .join("");
}

/** The file, if there is one; for error messages that name what was looked for. */
export function required(file) {
  if (!existsSync(file)) fail(`no \`${file}\``);
  return file;
}
