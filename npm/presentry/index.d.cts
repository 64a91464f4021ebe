/** Where the build is, and what a failure means. Paths are relative to `cwd`. */
export interface BuildOptions {
  /** The directory of the app, in which the build was run; `"."` if not given. */
  app?: string;
  /** The working directory; the one of the process if not given. Paths of the report are written from it. */
  cwd?: string;
  /** The built server entry, for builds that are not found by their `nitro.json`. Not together with `outputDir`. */
  entry?: string;
  /** The preset of Nitro, where `nitro.json` is missing or names one of your own, or to choose among several builds. */
  preset?: string;
  /** The output directory of the build, in which `nitro.json` lies. */
  outputDir?: string;
  /** Gives the report instead of throwing when the command fails. Wrong usage still throws. */
  allowFailure?: boolean;
}

export interface RewriteOptions extends BuildOptions {
  /** The built instrumentation, where it is not `instrument.server.mjs` beside the entry. */
  instrumentation?: string;
  /** Writes nothing; `diff` of the report says what would change. */
  dryRun?: boolean;
  /** How exports are passed on: as they are after top-level await (the default), or as async forwarders. */
  exports?: "await" | "wrap";
  /** The exports that become forwarders under `exports: "wrap"`. */
  wrap?: string[];
  /** Where the runtime goes: behind `import()` (the default, proven), or below the instrumentation (not proven). */
  mode?: "dynamic-import" | "top-level-import";
  /**
   * Whether the SDK is put into one module beside the entry, so that the server starts faster. With `"if-possible"` (the
   * default) the rewrite does without where that cannot be done, and warns; with `true` or `"always"` it is refused there.
   * `false` leaves the SDK in its packages.
   */
  bundleSdk?: boolean | "always" | "if-possible";
  /**
   * Whether the libraries of the build get the channels of the SDK (`@sentry/node` 11), so that it injects nothing when the
   * server starts. The values, and the default, are those of `bundleSdk`; `false` leaves the libraries as they were built.
   */
  instrumentAhead?: boolean | "always" | "if-possible";
  /** Takes the packages out of the build that nothing reaches any more once the SDK is bundled. */
  prune?: boolean;
  /** Has Node (22.8 or later) keep compiled code in a directory, relative to that of the entry; `true` for `.compile-cache`. */
  compileCache?: boolean | string;
  /** Leaves the guard out of the facade, which prints a line when the running server differs from what was proven. */
  noGuard?: boolean;
  /** Leaves a wrapper of the SDK as it is when the proof holds for it. */
  keepSdkWrapper?: boolean;
  /** Reports packages that the build lacks, and does not collect them. */
  noCollect?: boolean;
  /** @deprecated The old name of `noCollect`. */
  noTrace?: boolean;
  /** Packages that the build lacks are supplied where the server runs: they are neither collected nor missing. */
  packagesElsewhere?: boolean;
  /** Vouch for the start of Sentry where it cannot be proven. */
  trustInit?: boolean;
  /** Treats warnings as errors. */
  strict?: boolean;
}

export interface CheckOptions extends BuildOptions {
  /** Packages that the build lacks are supplied where the server runs. */
  packagesElsewhere?: boolean;
  /** Vouch for the start of Sentry where it cannot be proven. */
  trustInit?: boolean;
}

/** A request to the traced server. */
export interface TraceRequest {
  /** With its query; begins with `/`. */
  path: string;
  /** `"GET"` if not given. */
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

export interface TraceOptions extends BuildOptions {
  /** The built instrumentation, where it is not `instrument.server.mjs` beside the entry. */
  instrumentation?: string;
  /** The Node.js to start the server with, instead of the `node` on `PATH`. */
  node?: string;
  /** The port that the server is to listen on, instead of a free one. */
  port?: number;
  /** How many seconds the server may take to start, and to answer each request; 30 if not given. */
  timeout?: number;
  /** The requests to send, as `"POST /api/x {}"` or as objects; `["/"]` if not given. */
  requests?: (string | TraceRequest)[];
  /** Libraries or origins, such as `"graphql"`: a span of each has to arrive. */
  expect?: string[];
  /** How many seconds to wait for spans after the last answer; 10 if not given. */
  wait?: number;
  /** Files of variables for the server, as `node --env-file` reads them. */
  envFile?: string[];
  /** Variables for the server. Those of this process are not passed on. */
  env?: Record<string, string | undefined>;
  /** A file for the trace as a page. */
  html?: string;
  /** Packages that the build lacks are supplied where the server runs. */
  packagesElsewhere?: boolean;
  /** Vouch for the start of Sentry where it cannot be proven. */
  trustInit?: boolean;
}

export interface InspectOptions extends BuildOptions {
  /** The built instrumentation, where it is not `instrument.server.mjs` beside the entry. */
  instrumentation?: string;
  /** Packages that the build lacks are supplied where the server runs. */
  packagesElsewhere?: boolean;
  /** Vouch for the start of Sentry where it cannot be proven. */
  trustInit?: boolean;
}

export interface RestoreOptions extends BuildOptions {
  /** Writes nothing; `diff` of the report says what would change. */
  dryRun?: boolean;
}

export interface ReproOptions extends Omit<BuildOptions, "allowFailure"> {
  /** The file to write, or a directory for it. The string is empty then. */
  out?: string;
  /** Does not start the server. */
  noTrace?: boolean;
  /** The requests to send, as for `trace`. */
  requests?: (string | TraceRequest)[];
  /** Vouch for the start of Sentry where it cannot be proven. */
  trustInit?: boolean;
}

export type Command = "rewrite" | "check" | "trace" | "inspect" | "restore";

/** How a command ended. Values may be added. */
export type Outcome =
  | "rewritten"
  | "would-rewrite"
  | "already-first"
  | "proven"
  | "first"
  | "failed"
  | "restored"
  | "would-restore"
  | "nothing-to-restore"
  | "inspected"
  | "no-server"
  | "refused"
  | "wrong-usage"
  | "error";

/** The report of a command, as docs/schema.json describes it. Members may be added without another `schema`. */
export interface Report {
  /** The version of this document; another one when a member goes or changes its meaning. */
  schema: 1;
  /** The version of presentry. */
  presentry: string;
  command: Command;
  outcome: Outcome;
  exit_code: 0 | 1 | 2;
  preset: Preset | null;
  build: Build | null;
  /** The files that were changed, or would be by a dry run. */
  changes: Change[];
  /** The packages that were collected from the app, or would be. */
  traced: Traced[];
  /** What `prune` took out of the build, or would. */
  pruned: Pruned | null;
  /** What became of the libraries that the SDK instruments, where they are injected ahead of time. */
  libraries: InjectedLibrary[];
  /** What a dry run would change, as a unified diff with paths relative to the server directory. */
  diff: string | null;
  exports: Export[];
  proof: Proof | null;
  inspection: Inspection | null;
  /** What a start of the server showed; only of `presentry trace`. */
  trace: Trace | null;
  diagnostics: Diagnostic[];
  /** The reasons of choices, and what else happened. For people. */
  notes: string[];
}

export interface Preset {
  name: string;
  /** The name in the metadata; `null` where the option `preset` alone says it. */
  written: string | null;
  /** The version of Nitro that the metadata names. */
  nitro: string | null;
  /** The metadata. */
  file: string | null;
  runtime: "node" | "bun" | "deno" | "edge" | "static";
}

export interface Build {
  server: string;
  entry: string;
  /** How the host loads the entry. */
  loading: "process" | "launcher" | "imported" | "required";
  /** The module that starts Sentry; the entry itself where it is inlined. */
  instrumentation: string | null;
  /** What the instrumentation is made from where it is not in the build. */
  instrumentation_source: string | null;
}

export interface Change {
  path: string;
  kind:
    | "facade"
    | "moved-entry"
    | "repointed"
    | "instrumentation"
    | "passage"
    | "top-level-import"
    | "bundle"
    | "channels"
    | "package"
    | "dependencies"
    | "archive"
    | "restored"
    | "removed";
}

export interface Traced {
  name: string;
  version: string;
  /** The directory in the build. */
  path: string;
  /** How many files were added. */
  files: number;
  bytes: number;
}

export interface Pruned {
  /** The directories of the packages, relative to the server directory. */
  packages: string[];
  /** The size of all files in `node_modules` before. */
  bytes_before: number;
  bytes_after: number;
}

export interface InjectedLibrary {
  name: string;
  /** Null where it is not part of the build. */
  version: string | null;
  /** Its directory, relative to the server directory. */
  directory: string | null;
  /** Whether its files hold channels, or hooks inject them at run time. */
  instrumented: "ahead" | "hooks" | "neither";
  /** Why it is not injected. For people. */
  reason: string | null;
  /** The functions that the SDK names. */
  functions: InjectedFunction[];
}

export interface InjectedFunction {
  /** Relative to the directory of the library. */
  file: string;
  function: string;
  /** The diagnostics channel on which it publishes. */
  channel: string;
  state: "injected" | "absent" | "out-of-range" | "failed";
  /** The versions that the SDK instruments, or what the transformer says. For people. */
  reason: string | null;
}

export interface Export {
  name: string;
  /** For people, for example `async function`; `unknown` where the modules do not tell. */
  kind: string;
}

export interface Proof {
  holds: boolean;
  /** How certain it is. */
  verdict: "proven" | "proven under a condition" | "vouched for" | "not proven";
  instrumentation: string | null;
  /** The modules of the build that are loaded before the runtime. */
  closure: string[];
  /** The packages that are loaded before the runtime. */
  packages: string[];
  /** The modules that are loaded by `import()`. */
  runtime: string[];
  /**
   * The libraries that Sentry's build plugin instrumented, where Sentry starts with the runtime; `null` where Sentry has to
   * come first.
   */
  build_plugin: string[] | null;
  /** Whether the entry has a guard, which compares the running server with the proof. */
  guard: boolean;
  /** Codes; the diagnostics say more. */
  failures: string[];
}

export interface Inspection {
  shape: "fresh" | "facade" | "sdk-wrapper" | "top-level-import" | "foreign" | "unreadable";
  /** The version of presentry that wrote the facade. */
  facade_version: string | null;
  /** What `rewrite` would end with. */
  rewrite: "rewritten" | "already-first" | "refused";
  /** How Node.js is started with the instrumentation, from the directory of the app. */
  import: { command: string; script: string } | null;
  /** What `require()` of the entry throws. */
  require: { now: string | null; rewritten: string } | null;
  options: Option[];
}

export interface Trace {
  /** The version of Node.js; `null` when no process began. */
  node: string | null;
  /** How the server was started, without the variables. */
  command: string[];
  /** Whether Sentry was first in every process. */
  first: boolean;
  /** The primary, then the workers of a cluster. */
  processes: TracedProcess[];
  /** The requests that were sent, each with the spans that arrived for it. */
  requests: TracedRequest[];
  /** The spans that belong to no request. */
  other_spans: Span[];
  /** The libraries that the SDK instruments, of those that were loaded. */
  libraries: Library[];
  /** What `expect` names. */
  expected: Expected[];
  /** What the SDK noted about channels that are injected into libraries. */
  injection: Injection | null;
  /** What the SDK warned of on the output of the server. */
  sdk_warnings: string[];
  /** The errors that arrived. */
  errors: string[];
  /** What of the platform is not there in a trace. For people. */
  limits: string[];
}

export interface TracedRequest {
  method: string;
  path: string;
  /** `null` when there was no answer. */
  status: number | null;
  /** Why there was none. */
  error: string | null;
  /** Milliseconds since the process began; `null` when it was not sent. */
  start_ms: number | null;
  /** How long it took. */
  ms: number | null;
  /** The trace that the server was asked to continue. */
  trace_id: string;
  /** From top to bottom. */
  spans: Span[];
}

export interface Span {
  trace_id: string;
  span_id: string;
  parent_span_id: string | null;
  /** How many spans are above it in its tree. */
  depth: number;
  name: string;
  op: string | null;
  /** What made it, such as `auto.graphql.otel.graphql`. */
  origin: string | null;
  status: string | null;
  /** Milliseconds since the process began. */
  start_ms: number;
  ms: number;
}

export interface Library {
  name: string;
  version: string | null;
  instrumented: boolean;
  /** Why, or why not. For people. */
  because: string;
  how: "injected" | "hooked" | "neither";
  loaded: "module-hooks" | "require-hooks" | "require-hooks-in-part" | "unhooked" | "too-early";
  /** How many spans of it arrived. */
  spans: number;
}

export interface Expected {
  name: string;
  /** How many spans of it arrived. */
  spans: number;
}

/** `globalThis.__SENTRY_ORCHESTRION__`, as SDK 11 keeps it. */
export interface Injection {
  /** The libraries that were injected into; `null` when no hooks were registered. */
  runtime: string[] | null;
  /** Whether the SDK could not register its hooks. */
  runtime_unavailable: boolean;
  /** The libraries that a plugin of a bundler injected into; `null` when none ran. */
  bundler: string[] | null;
}

export interface TracedProcess {
  pid: number;
  worker: boolean;
  first: boolean;
  /** Whether it was, and why not. For people. */
  sentence: string;
  /** How many modules of the runtime came through the hooks. */
  modules_through_hooks: number;
  /** In the order of time; those that never came are last. */
  steps: TraceStep[];
  /** The packages that the SDK instruments, of those that were loaded. */
  packages: TracedPackage[];
}

/** A step of a start, in the usual order. */
export type Step =
  | "process-start"
  | "hooks-registered"
  | "sentry-active"
  | "instrumentation-evaluated"
  | "runtime-before-hooks"
  | "first-runtime-module"
  | "runtime-evaluated"
  | "listening"
  | "imported";

export interface TraceStep {
  step: Step;
  /** Milliseconds since the process began; `null` when it never came. */
  ms: number | null;
  /** The module, the version or the address. For people. */
  detail: string | null;
}

export interface TracedPackage {
  name: string;
  version: string | null;
  loaded: "module-hooks" | "require-hooks" | "require-hooks-in-part" | "unhooked" | "too-early";
}

export interface Option {
  /** The name in `app.config`. */
  name: string;
  /** For people; says why, where the value is not known. */
  value: string;
  origin: "flag" | "app-config" | "default";
  /** The flag, or the place in `app.config`. */
  at: string | null;
}

export interface Diagnostic {
  /** One of docs/diagnostics.md; `null` for an error of the system. */
  code: string | null;
  severity: "error" | "warning";
  message: string;
  hint: string | null;
  /** Places, for an import chain one for each hop. */
  labels: Label[];
}

export interface Label {
  path: string;
  /** Counted from 1. */
  line: number;
  /** Counted from 1, in UTF-16 code units. */
  column: number;
  /** The line, or the part of a long one around the place. */
  text: string;
  message: string;
}

/** Rewrites the build of an app and proves the result. */
export function rewrite(options?: RewriteOptions): Promise<Report>;
/** The proof alone; throws a `ProofError` when it does not hold. */
export function check(options?: CheckOptions): Promise<Report>;
/** Starts the server, sends it requests, and gives the spans that arrive; throws a `ProofError` when some are lost. */
export function trace(options?: TraceOptions): Promise<Report>;
/** What was found: preset, entry, exports, options, and what `rewrite` would do. */
export function inspect(options?: InspectOptions): Promise<Report>;
/** Puts the original build back, byte for byte. */
export function restore(options?: RestoreOptions): Promise<Report>;
/** What a bug report needs, as a page of Markdown without secrets. */
export function repro(options?: ReproOptions): Promise<string>;

/** A reason why something was not done. */
export class PresentryError extends Error {
  protected constructor();
  /** A code of docs/diagnostics.md or docs/npm.md, which stays the same between versions; `null` for errors that have none. */
  readonly code: string | null;
  readonly hint: string | null;
  /** All errors; the first one is this one. */
  readonly diagnostics: Diagnostic[];
  /** The whole report, where the command came so far. */
  readonly report: Report | null;
}
/** The rewrite was refused; nothing was changed. */
export class RefusedError extends PresentryError {}
/** The proof does not hold; the diagnostics have the import chains. */
export class ProofError extends PresentryError {
  readonly report: Report;
}
/** An option is wrong, or names something that is not there. */
export class UsageError extends PresentryError {}
/** There is no executable for this platform, or its package is not installed. */
export class PlatformError extends PresentryError {}
/** The command ended in a way that has no code: an error of the system, or a crash. */
export class CommandError extends PresentryError {}
