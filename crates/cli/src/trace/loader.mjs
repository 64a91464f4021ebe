// Loads an entry as a host does that imports it, or requires it, and calls nothing.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { entry, required, lambda } = JSON.parse(process.env.PRESENTRY_TRACE);

// What Lambda's runtime defines before it imports a handler that streams its response.
if (lambda) globalThis.awslambda ??= { streamifyResponse: (handler) => handler, HttpResponseStream: class {} };

if (required) createRequire(import.meta.url)(entry);
else await import(pathToFileURL(entry).href);
globalThis[Symbol.for("presentry.trace")].imported();
process.exit(0);
