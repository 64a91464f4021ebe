// A directory with what is deployed and nothing else, and a server started in it that can write nothing there: what the
// recipes for containers and services have in common.
import { chmodSync, chownSync, cpSync, existsSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expected, fail, functionEnvironment, start } from "./front.mjs";

/** `nobody`, as most systems number it. */
const NOBODY = 65_534;

/** Whether the app's own directory is started: a preload of the harness lies there, and must be the module that the server has. */
export const inPlace = process.env.HOST_RUN_FROM === "directory";

/** A new directory, which goes away with the host. */
export function emptyDirectory(name) {
  const root = realpathSync(mkdtempSync(path.join(os.tmpdir(), `${name}-`)));
  process.on("exit", () => {
    mode(root, 0o755, 0o644);
    rmSync(root, { recursive: true, force: true });
  });
  return root;
}

/** Copies `from`, links and all. What is not there ends the host. */
export function copy(from, to) {
  if (!existsSync(from)) fail(`\`${from}\` is not there to be copied`);
  cpSync(from, to, { recursive: true, verbatimSymlinks: true });
}

/**
 * Starts `command` in `cwd` below `root`, which is made read-only first, and waits until the server listens. If this is
 * root's, the command is `nobody`'s: to root nothing is read-only. `app` is what `cwd` stands for.
 */
export async function startReadOnly(root, command, { app, cwd, env }) {
  const [program, ...args] = command;
  if (path.basename(program) !== "node") fail(`\`${command.join(" ")}\` does not start Node.js`);
  mode(root, 0o555, 0o444);
  const account = process.getuid?.() === 0 && !inPlace ? { uid: NOBODY, gid: NOBODY } : {};
  // The harness reads what the app of a fixture notes there.
  const notes = process.env.MODULE_TRACE_FILE;
  if (notes && account.uid) {
    writeFileSync(notes, "", { flag: "a" });
    chownSync(notes, account.uid, account.gid);
  }
  const port = process.env.PORT;
  const child = start(process.execPath, args, {
    cwd: inPlace ? app : cwd,
    account,
    env: functionEnvironment({ ...env, PORT: port, HOST: "127.0.0.1" }),
  });
  await expected(
    new Promise((resolve) => child.on("line", (line) => /^Listening on http/.test(line) && resolve())),
  );
  console.log(`Listening on http://127.0.0.1:${port}`);
}

/** Gives every directory and file below `root` these bits. */
function mode(root, directories, files) {
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    const file = path.join(root, entry.name);
    if (entry.isDirectory()) {
      // Before and after: a directory must be open while what is in it is changed.
      chmodSync(file, 0o755);
      mode(file, directories, files);
    } else if (entry.isFile()) chmodSync(file, files | (statSync(file).mode & 0o111));
  }
  chmodSync(root, directories);
}
