// Preloaded by `presentry trace` with `--require`, before everything else: writes down what the program does. It changes
// two things: servers listen on loopback, and Sentry's clients send to the intake of the trace. Judges nothing.
"use strict";

const { isMainThread } = require("node:worker_threads");

// Threads inherit preloads. What decides the order happens in main threads.
if (isMainThread && process.env.PRESENTRY_TRACE !== undefined) {
  watch(JSON.parse(require("node:fs").readFileSync(process.env.PRESENTRY_TRACE, "utf8")));
}

function watch(options) {
  const fs = require("node:fs");
  const net = require("node:net");
  const diagnostics = require("node:diagnostics_channel");
  const cluster = require("node:cluster");
  const Module = require("node:module");
  const { fileURLToPath, pathToFileURL } = require("node:url");

  // Taken now, so that nothing the program patches later is called from here.
  const { writeSync } = fs;
  const { stringify } = JSON;
  const { pid, hrtime } = process;
  const { register, registerHooks } = Module;
  const events = fs.openSync(options.events, "a");
  // One clock for all threads and processes.
  const now = () => Number(hrtime.bigint()) / 1e6;

  function emit(event, fields, at = now()) {
    try {
      writeSync(events, stringify({ event, pid, at, ...fields }) + "\n");
    } catch {
      // Whoever reads is gone; the server is not to notice.
    }
  }

  // --- A server whose presentry was killed ends, since nothing else would end it; so does what it started.
  const isChild = process.ppid === options.presentry;
  const { kill } = process;
  const isGone = () => {
    // A process that was killed keeps its number until its parent takes note, but it has no children any more.
    if (isChild && process.ppid !== options.presentry) return true;
    try {
      Reflect.apply(kill, process, [options.presentry, 0]);
      return false;
    } catch (error) {
      return error.code === "ESRCH";
    }
  };
  const end = () => Reflect.apply(kill, process, [process.platform === "win32" ? pid : 0, "SIGKILL"]);
  setInterval(() => isGone() && end(), 500).unref();

  const start = { node: process.versions.node, worker: cluster.isWorker, epoch: performance.timeOrigin };
  emit("start", start, now() - performance.now());

  // --- What the appended statements and the loader call.
  Object.defineProperty(globalThis, Symbol.for("presentry.trace"), {
    value: Object.freeze({
      evaluated: (url) => emit("evaluated", { file: fileURLToPath(url) }),
      imported: () => emit("imported"),
      answered: (fields) => emit("answered", fields),
    }),
  });

  // --- The Sentry client: every copy of the SDK keeps its scopes at `globalThis.__SENTRY__[version]`.
  const watched = new WeakSet();
  const first = (object) => !watched.has(object) && watched.add(object) !== undefined;
  const isObject = (value) => (typeof value === "object" || typeof value === "function") && value !== null;

  const carriers = globalThis.__SENTRY__ ?? {};
  globalThis.__SENTRY__ = new Proxy(carriers, {
    set(target, key, value) {
      target[key] = value;
      if (key !== "version") watchCarrier(key, value);
      return true;
    },
  });

  function watchCarrier(version, carrier) {
    if (!isObject(carrier) || !first(carrier)) return;
    let scope = carrier.defaultCurrentScope;
    watchScope(version, scope);
    Object.defineProperty(carrier, "defaultCurrentScope", {
      configurable: true,
      enumerable: true,
      get: () => scope,
      set(value) {
        scope = value;
        watchScope(version, value);
      },
    });
  }

  function watchScope(version, scope) {
    if (!isObject(scope)) return;
    sawClient(version, scope.getClient?.());
    // The prototype, so that a client set on a forked scope is seen as well.
    let owner = scope;
    while (owner !== null && !Object.hasOwn(owner, "setClient")) owner = Object.getPrototypeOf(owner);
    if (owner === null || !first(owner)) return;
    const { setClient } = owner;
    owner.setClient = function (client) {
      const result = Reflect.apply(setClient, this, arguments);
      sawClient(version, client);
      return result;
    };
  }

  const clients = [];

  function sawClient(version, client) {
    if (!isObject(client) || !first(client)) return;
    clients.push(client);
    const facts = { version, sdk: null, dsn: false, enabled: false, rate: null, sampler: false, redirected: false };
    try {
      const given = client.getOptions?.() ?? {};
      facts.sdk = given._metadata?.sdk?.name ?? null;
      facts.dsn = Boolean(client.getDsn?.());
      facts.enabled = given.enabled !== false;
      facts.rate = Number.isFinite(given.tracesSampleRate) ? given.tracesSampleRate : null;
      facts.sampler = typeof given.tracesSampler === "function";
      facts.redirected = redirect(client, given);
    } catch {
      // A client of another kind; what is known of it is written down.
    }
    emit("client", facts);
  }

  // The DSN may be written in the code, and `tunnel` may name another server. Nothing of a trace may reach either, so the
  // client gets a transport of its own making that leads to the intake. `false` where that cannot be done: then it sends
  // nothing.
  function redirect(client, given) {
    const dsn = client.getDsn?.();
    const { host, port, publicKey } = options.intake;
    const here = dsn?.host === host && String(dsn.port) === String(port) && dsn.publicKey === publicKey;
    if (here && !given.tunnel) return true;
    const transport = client.getTransport?.();
    if (transport === undefined) return !dsn;
    if (typeof given.transport === "function" && client._transport === transport) {
      const { proxy, ...more } = given.transportOptions ?? {};
      const recordDroppedEvent = client.recordDroppedEvent?.bind(client) ?? (() => {});
      client._transport = given.transport({ recordDroppedEvent, ...more, url: options.intake.url });
      if (client.getTransport() !== transport) return true;
    }
    client.sendEnvelope = async () => ({});
    return false;
  }

  // --- Module hooks: each registration by the program, and a watcher right behind it. The hook that was registered last
  // is called first, so the watcher sees what comes to the program's hooks, and nothing that was loaded before them.
  let registrations = 0;

  function own(kind, role) {
    const data = { ...options, role, nth: registrations, kind };
    if (kind === "registerHooks") {
      registerHooks(syncHooks(data));
      return;
    }
    // Another URL for each, as one URL is one module with one state.
    const hook = `${pathToFileURL(options.hooks)}?${role}=${registrations}`;
    // A warning about what is done here would be taken for one about the program.
    const { noDeprecation } = process;
    process.noDeprecation = true;
    try {
      register(hook, { data });
    } finally {
      process.noDeprecation = noDeprecation;
    }
  }

  function syncHooks(data) {
    const { watcher } = require(options.watcher);
    const seen = watcher(data, emit);
    return {
      load(url, context, nextLoad) {
        const at = now();
        return seen(url, nextLoad(url, context), at);
      },
    };
  }

  function registered(kind, specifier, given) {
    registrations += 1;
    // A list says that import-in-the-middle wraps what is instrumented, and not every module.
    const selective = given.some((argument) => Array.isArray(argument?.data?.include));
    emit("hooks", { kind, specifier, selective, nth: registrations, by: callers() });
  }

  function text(specifier) {
    const name = String(specifier);
    return name.startsWith("data:") ? "data:" : name;
  }

  Module.register = function (specifier) {
    const result = Reflect.apply(register, this, arguments);
    registered("register", text(specifier), [...arguments]);
    own("register", "behind");
    return result;
  };
  if (registerHooks !== undefined) {
    Module.registerHooks = function () {
      const result = Reflect.apply(registerHooks, this, arguments);
      registered("registerHooks", null, []);
      own("registerHooks", "behind");
      return result;
    };
  }
  Module.syncBuiltinESMExports();

  // The files on the stack, nearest first.
  function callers() {
    const { prepareStackTrace, stackTraceLimit } = Error;
    let files = [];
    try {
      Error.stackTraceLimit = 50;
      Error.prepareStackTrace = (_, sites) => sites.map((site) => site.getFileName());
      files = new Error().stack;
    } finally {
      Error.prepareStackTrace = prepareStackTrace;
      Error.stackTraceLimit = stackTraceLimit;
    }
    if (!Array.isArray(files)) return [];
    const paths = files
      .filter((file) => typeof file === "string" && !file.startsWith("node:") && file !== __filename)
      .map((file) => (file.startsWith("file:") ? fileURLToPath(file) : file));
    return [...new Set(paths)].slice(0, 20);
  }

  // --- `require`: hooks of this kind replace a method.
  for (const method of ["require", "_compile"]) {
    let current = Module.prototype[method];
    Object.defineProperty(Module.prototype, method, {
      configurable: true,
      enumerable: true,
      get: () => current,
      set(value) {
        current = value;
        emit("require-hooks", { by: callers() });
      },
    });
  }

  // A file is evaluated once, whoever asks for it. One of a package speaks for all of it.
  const { packageOf, targetOf } = require(options.watcher);
  const packages = new Set();
  const targets = new Set(options.targets);
  const { load } = Module.prototype;
  const { _load } = Module;
  // Hooks of `require` do not see what an ES module imports, and that has no parent. The `parent` of a module does not
  // tell: modules that are imported as well are made before they are required.
  let required = false;
  Module._load = function (request, parent) {
    const before = required;
    required = parent != null;
    try {
      return Reflect.apply(_load, this, arguments);
    } finally {
      required = before;
    }
  };
  Module.prototype.load = function (filename) {
    const name = packageOf(filename);
    if (name !== null && !packages.has(name)) {
      packages.add(name);
      emit("commonjs", { file: filename, required });
    }
    if (targets.has(targetOf(filename))) emit("target", { file: filename });
    return Reflect.apply(load, this, arguments);
  };

  // --- Diagnostics channels: code that the SDK injected into a library makes them when it is loaded.
  const made = new Set();
  for (const method of ["channel", "tracingChannel"]) {
    const original = diagnostics[method];
    if (original === undefined) continue;
    diagnostics[method] = function (name) {
      if (typeof name === "string" && name.startsWith("orchestrion:")) {
        const by = callers();
        const key = `${name} ${by[0]}`;
        if (!made.has(key)) {
          made.add(key);
          emit("channel", { name, by });
        }
      }
      return Reflect.apply(original, this, arguments);
    };
  }
  Module.syncBuiltinESMExports();

  // --- What the SDK notes about injection, and a request of the trace to send what is waiting. Both are looked at again
  // and again, as nothing tells about them.
  let noted = "";
  let flushed = "";

  function poll() {
    const marker = globalThis.__SENTRY_ORCHESTRION__;
    if (isObject(marker)) {
      const { runtime, runtimeUnavailable, bundler } = marker;
      const names = (list) => (list ? [...(Symbol.iterator in Object(list) ? list : [])].map(String) : null);
      const fields = { runtime: names(runtime), unavailable: Boolean(runtimeUnavailable), bundler: names(bundler) };
      const text = stringify(fields);
      if (text !== noted) emit("injection", fields);
      noted = text;
    }
    let asked = flushed;
    try {
      asked = fs.readFileSync(options.flush, "utf8");
    } catch {
      // Nothing was asked for.
    }
    if (asked === flushed) return;
    flushed = asked;
    for (const client of clients) client.flush?.(2000)?.then?.(undefined, () => {});
  }
  setInterval(poll, 100).unref();
  process.on("exit", poll);

  // --- Servers. What others can reach is no place for a build that is tried out.
  const { listen } = net.Server.prototype;
  const LOOPBACK = "127.0.0.1";
  const isLoopback = (host) => host === "localhost" || host === "::1" || /^127\./.test(host);

  // The arguments of `listen()`, whose forms are (options), (path), (port, host) and none, each with more behind it.
  function onLoopback(given) {
    const [first, second] = given;
    if (isObject(first) && typeof first !== "function") {
      const elsewhere = ["path", "fd", "handle", "_handle"].some((name) => first[name] !== undefined);
      if (elsewhere || isLoopback(first.host)) return given;
      return [{ ...first, port: first.port ?? 0, host: LOOPBACK }, ...given.slice(1)];
    }
    if (typeof first === "string" && !/^\d+$/.test(first)) return given;
    if (typeof first === "function" || given.length === 0) return [0, LOOPBACK, ...given];
    if (typeof second === "string") return isLoopback(second) ? given : [first, LOOPBACK, ...given.slice(2)];
    // A host that is not set may stand before the rest.
    return [first, LOOPBACK, ...given.slice(second == null && given.length > 1 ? 2 : 1)];
  }

  net.Server.prototype.listen = function () {
    this.once("listening", () => {
      const address = this.address();
      emit("listening", typeof address === "string" ? { path: address } : { host: address?.address, port: address?.port });
    });
    return Reflect.apply(listen, this, onLoopback([...arguments]));
  };
  cluster.on("fork", (worker) => emit("fork", { forked: worker.process.pid }));

  // --- Evaluation: a hook that was registered before all others is called last, and appends a statement to the modules
  // whose end is to be seen. It says nothing about the hooks of the program.
  own(syncHooksAreSound() ? "registerHooks" : "register", "early");

  // Before these versions synchronous hooks and those of `module.register` could not be mixed.
  function syncHooksAreSound() {
    const [major, minor] = process.versions.node.split(".").map(Number);
    return major > 25 || (major === 25 && minor >= 1) || (major === 24 && minor >= 13);
  }
}
