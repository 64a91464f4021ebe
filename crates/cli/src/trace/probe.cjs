// Preloaded by `presentry trace` with `--require`, before everything else: writes down what the program does, and
// changes none of it. Judges nothing.
"use strict";

const { isMainThread } = require("node:worker_threads");

// Threads inherit preloads. What decides the order happens in main threads.
if (isMainThread && process.env.PRESENTRY_TRACE !== undefined) {
  watch(JSON.parse(process.env.PRESENTRY_TRACE));
}

function watch(options) {
  const fs = require("node:fs");
  const net = require("node:net");
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

  emit("start", { node: process.versions.node, worker: cluster.isWorker }, now() - performance.now());

  // --- What the appended statements and the loader call.
  Object.defineProperty(globalThis, Symbol.for("presentry.trace"), {
    value: Object.freeze({
      evaluated: (url) => emit("evaluated", { file: fileURLToPath(url) }),
      imported: () => emit("imported"),
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

  function sawClient(version, client) {
    if (!isObject(client) || !first(client)) return;
    try {
      const given = client.getOptions?.() ?? {};
      const sdk = given._metadata?.sdk?.name ?? null;
      emit("client", { version, sdk, dsn: Boolean(client.getDsn?.()), enabled: given.enabled !== false });
    } catch {
      emit("client", { version, sdk: null, dsn: false, enabled: false });
    }
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
  const { packageOf } = require(options.watcher);
  const packages = new Set();
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
    return Reflect.apply(load, this, arguments);
  };

  // --- Servers.
  const { listen } = net.Server.prototype;
  net.Server.prototype.listen = function () {
    this.once("listening", () => {
      const address = this.address();
      emit("listening", typeof address === "string" ? { path: address } : { host: address?.address, port: address?.port });
    });
    return Reflect.apply(listen, this, arguments);
  };
  cluster.on("fork", (worker) => emit("fork", { forked: worker.process.pid }));

  // --- The end of whoever asked for this is the end of the server, also when nobody is left to end it.
  if (!cluster.isWorker && process.platform !== "win32") {
    const parent = process.ppid;
    setInterval(() => {
      if (process.ppid === parent) return;
      try {
        process.kill(-pid, "SIGKILL");
      } catch {
        // A process that the server started leads no group.
      }
    }, 500).unref();
  }

  // --- Evaluation: a hook that was registered before all others is called last, and appends a statement to the modules
  // whose end is to be seen. It says nothing about the hooks of the program.
  own(syncHooksAreSound() ? "registerHooks" : "register", "early");

  // Before these versions synchronous hooks and those of `module.register` could not be mixed.
  function syncHooksAreSound() {
    const [major, minor] = process.versions.node.split(".").map(Number);
    return major > 25 || (major === 25 && minor >= 1) || (major === 24 && minor >= 13);
  }
}
