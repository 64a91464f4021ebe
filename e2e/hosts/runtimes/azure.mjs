// The process that Azure Functions runs Node.js functions in: azure-functions-nodejs-worker (3.x), with its programming
// model 3 for functions with a `function.json`, which is the package @azure/functions (3.5.1). That package makes
// `context` and `req` of an invocation, calls the function, and makes the response of what it left in `context.res`;
// what is here is the worker around it: src/setupCoreModule.ts, src/loadScriptFile.ts, src/LegacyFunctionLoader.ts,
// src/eventHandlers/InvocationHandler.ts. Its gRPC channel to the host is the channel to the parent process.
//
// One thing is done that Azure does not do: a body that is a stream is read. SolidStart answers with nothing else,
// Nitro passes it on as it is, and the programming model makes the text `{}` of it, so that on Azure every page of an
// app as it was built is `{}`. `AZURE_STREAMS=as-is` shows that; it has nothing to do with how the entry was loaded.
import Module, { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);

let model;
const core = {
  version: "3.10.0",
  hostVersion: "4.0.0",
  setProgrammingModel: (programmingModel) => (model = programmingModel),
  getProgrammingModel: () => model,
  registerHook: () => ({ dispose() {} }),
  registerFunction: () => ({ dispose() {} }),
};
// As the worker does it, and it stays: `@azure/functions-core` is a module that exists at run time only.
Module.prototype.require = new Proxy(Module.prototype.require, {
  apply: (target, self, args) => (args[0] === "@azure/functions-core" ? core : Reflect.apply(target, self, args)),
});
require("@azure/functions").setup();

/** The function of a module that `function.json` means, and what it is called on. */
function entryPoint(script, name) {
  let found = script;
  if (typeof script === "object" && script !== null) {
    const names = Object.keys(script);
    found = name ? script[name] : names.length === 1 ? script[names[0]] : (script.run ?? script.index);
  }
  if (typeof found !== "function") {
    throw new Error(
      `Unable to determine function entry point: ${name}. It is ${found === undefined ? "not exported" : `exported as ${typeof found}`}`,
    );
  }
  return found.bind(script);
}

const metadata = JSON.parse(process.argv[2]);
const script = metadata.scriptFile.endsWith(".mjs")
  ? await import(pathToFileURL(metadata.scriptFile).href)
  : require(metadata.scriptFile);
const callback = entryPoint(script, metadata.entryPoint);

process.on("message", async (request) => {
  const { invocationId } = request;
  // The channel carries text, gRPC carries bytes.
  for (const { data } of request.inputData) {
    if (data.http?.body) data.http.body = { bytes: Buffer.from(data.http.body.bytes, "base64") };
  }
  const invocation = model.getInvocationModel({
    invocationId,
    request,
    metadata,
    log: (level, category, message) => console.log(`[${level}] ${message}`),
  });
  try {
    const { context, inputs } = await invocation.getArguments();
    const result = await invocation.invokeFunction(context, inputs, callback);
    if (context.res?.body instanceof ReadableStream && process.env.AZURE_STREAMS !== "as-is") {
      context.res.body = Buffer.from(await new Response(context.res.body).arrayBuffer());
    }
    const response = await invocation.getResponse(context, result);
    const { http } = response.outputData.find(({ name }) => name === metadata.httpOutput)?.data ?? {};
    const body = http?.body?.bytes ? { bytes: Buffer.from(http.body.bytes).toString("base64") } : http?.body;
    process.send({
      invocationId,
      http: http && { statusCode: http.statusCode, headers: http.headers, cookies: http.cookies, body },
    });
  } catch (error) {
    process.send({ invocationId, error: error?.stack ?? String(error) });
  }
});
process.on("disconnect", () => process.exit(0));
process.send({ loaded: true });
