// A container without Docker: the last stage of the app's `Dockerfile`, carried out in an empty directory that stands for
// `/`. See https://docs.docker.com/reference/dockerfile/; the words that are known here are those of
// `examples/docker/Dockerfile`, and any other one ends the host.
//
// Checks besides: the stage copies from the first one alone, runs nothing, and is not root's; the first one installs by
// the lockfile, builds, and runs presentry.
import { readFileSync } from "node:fs";
import path from "node:path";
import { copy, emptyDirectory, startReadOnly } from "./alone.mjs";
import { fail } from "./front.mjs";

const app = process.argv[2];
const stages = readDockerfile(path.join(app, "Dockerfile"));
const [build, last] = stages;
if (stages.length !== 2) fail(`\`Dockerfile\` has ${stages.length} stages, not 2`);
checkBuild(build);

const root = emptyDirectory("docker");
const image = { cwd: "/", env: {}, user: "root", command: undefined };
for (const { word, rest } of last.steps) {
  switch (word) {
    case "WORKDIR":
      image.cwd = path.posix.resolve(image.cwd, rest);
      break;
    case "ENV":
      Object.assign(image.env, variables(rest));
      break;
    case "USER":
      image.user = rest;
      break;
    case "COPY":
      copyStep(rest);
      break;
    case "CMD":
      image.command = JSON.parse(rest);
      break;
    case "EXPOSE":
      break;
    default:
      fail(`the last stage has \`${word} ${rest}\`, which needs a container`);
  }
}
if (image.user === "root") fail("the image runs as root");
if (!image.command) fail("the last stage has no `CMD`");
await startReadOnly(root, image.command, { app, cwd: path.join(root, image.cwd), env: image.env });

/** The stages of a Dockerfile, each with its name and its steps. */
function readDockerfile(file) {
  const lines = readFileSync(file, "utf8").split("\n");
  const steps = lines.map((line) => line.trim()).filter((line) => line && !line.startsWith("#"));
  const stages = [];
  for (const line of steps) {
    const [, word, rest] = /^([A-Z]+) +(.+)$/.exec(line) ?? fail(`\`${line}\` is not a step of a Dockerfile`);
    if (word === "FROM") stages.push({ name: / AS (\w+)$/.exec(rest)?.[1], steps: [] });
    else if (!stages.length) fail(`\`${line}\` comes before \`FROM\``);
    else stages.at(-1).steps.push({ word, rest });
  }
  return stages;
}

/** What the harness has done before this host is started has to be what the first stage does. */
function checkBuild({ steps }) {
  const runs = steps.filter(({ word }) => word === "RUN").map(({ rest }) => rest);
  const wanted = ["npm ci", "npm run build", "npx presentry --prune"];
  if (runs.join("; ") !== wanted.join("; ")) fail(`the first stage runs \`${runs.join("; ")}\`, not \`${wanted.join("; ")}\``);
}

/** The app's directory is `WORKDIR` of the first stage. */
function copyStep(rest) {
  const [, stage, from, to] = /^--from=(\w+) (\S+) (\S+)$/.exec(rest) ?? fail(`\`COPY ${rest}\` is not from a stage`);
  if (stage !== build.name) fail(`there is no stage \`${stage}\``);
  const workdir = build.steps.find(({ word }) => word === "WORKDIR")?.rest;
  const within = path.posix.relative(workdir, from);
  if (within.startsWith("..")) fail(`\`${from}\` is not in \`${workdir}\``);
  copy(path.join(app, within), path.join(root, path.posix.resolve(image.cwd, to)));
}

/** `A=1 B=2`, without quotes. */
function variables(text) {
  return Object.fromEntries(text.split(" ").map((word) => word.split(/=(.*)/s).slice(0, 2)));
}
