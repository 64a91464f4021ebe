// What Netlify deploys in front of a function of its second API: a Lambda handler from its bootstrap around the
// function's module. @netlify/zip-it-and-ship-it (14.7.1), src/runtimes/node/utils/entry_file.ts writes such a file
// into the archive; here it lies beside the build, so the function's file comes from the environment.
//
// The module is handed over instead of its path, which the bootstrap takes as well: so it is loaded when the process
// starts and not by the first request, and a build that cannot be loaded is seen at once.
import { getLambdaHandler } from "@netlify/serverless-functions-api";
import { pathToFileURL } from "node:url";

export const handler = getLambdaHandler(await import(pathToFileURL(process.env.NETLIFY_FUNCTION_FILE).href));
