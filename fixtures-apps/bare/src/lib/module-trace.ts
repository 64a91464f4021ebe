// Tells a test which modules were loaded through hooks that the instrumentation registered. Off unless
// MODULE_TRACE_FILE names a file to append JSON lines to. Import it from the instrumentation only: a module shared with
// the app is split into a chunk that the SDK does not copy.
import { appendFileSync } from "node:fs";
import module from "node:module";

/** Records that the instrumentation was evaluated, then every module that is loaded from now on. */
export function startModuleTrace(): void {
  const file = process.env.MODULE_TRACE_FILE;
  if (!file) return;
  append(file, { event: "instrumentation", pid: process.pid, time: Date.now() });
  // Node 26 deprecates `register`. Its successor, before Node 22.22.3 and 24.11.1, fails on CommonJS modules.
  if (typeof module.registerHooks === "function" && Number.parseInt(process.versions.node) >= 26) {
    module.registerHooks({
      load(url, context, nextLoad) {
        append(file, { event: "load", url, time: Date.now() });
        return nextLoad(url, context);
      },
    });
  } else {
    module.register(`data:text/javascript,${encodeURIComponent(hooksThread)}`, { data: { file } });
  }
}

function append(file: string, line: object): void {
  try {
    appendFileSync(file, `${JSON.stringify(line)}\n`);
  } catch {
    // A trace that cannot be written must not break the server it watches.
  }
}

// The same load hook for `register`, which runs it on a thread of its own, hence as text.
const hooksThread = `
import { appendFileSync } from "node:fs";
let file;
export function initialize(data) {
  file = data.file;
}
export function load(url, context, nextLoad) {
  try {
    appendFileSync(file, JSON.stringify({ event: "load", url, time: Date.now() }) + "\\n");
  } catch {}
  return nextLoad(url, context);
}
`;
