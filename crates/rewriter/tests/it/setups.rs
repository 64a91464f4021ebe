//! Right setups as people write them in `instrument.server.ts`, each with the verdict that it has to have.

use crate::order::{conditional, not_proven, not_surely_proven, proven};

#[test]
fn options_that_are_put_together() {
    proven(&[
        // Defaults that the environment overrides.
        "const defaults = { tracesSampleRate: 0.1, sendDefaultPii: false };
         const options = { ...defaults, ...(process.env.NODE_ENV === 'production' ? { tracesSampleRate: 1 } : {}) };
         Sentry.init({ dsn: process.env.SENTRY_DSN, ...options });",
        "const config = Object.assign({}, { tracesSampleRate: 1 }, JSON.parse(process.env.SENTRY_OPTIONS ?? '{}'));
         Sentry.init(config);",
        "function merge(base, ...others) { return others.reduce((all, one) => Object.assign(all, one), { ...base }); }
         Sentry.init(merge({ tracesSampleRate: 1 }, { dsn: process.env.SENTRY_DSN }, { environment: 'x' }));",
        "function number(name, fallback) { const value = Number.parseFloat(process.env[name] ?? ''); return Number.isFinite(value) ? value : fallback; }
         Sentry.init({ tracesSampleRate: number('SENTRY_TRACES_SAMPLE_RATE', 0.1), profilesSampleRate: number('P', 0) });",
        "const integrations = []; if (process.env.PRISMA) integrations.push(Sentry.prismaIntegration());
         integrations.push(Sentry.consoleIntegration({ levels: ['error'] }));
         Sentry.init({ integrations, tracesSampleRate: 1 });",
        "const integrations = []; for (const make of [Sentry.httpIntegration, Sentry.postgresIntegration]) integrations.push(make());
         Sentry.init({ integrations, tracesSampleRate: 1 });",
        "Sentry.init({ integrations: (all) => all.filter((one) => one.name !== 'Console').concat(Sentry.extraErrorDataIntegration()), tracesSampleRate: 1 });",
        "Sentry.init({ tracesSampleRate: 1, beforeSend(event, hint) { if (hint.originalException?.name === 'AbortError') return null; return event; },
           beforeSendTransaction: async (event) => { await Promise.resolve(); return event; } });",
        "const { version } = JSON.parse('{ \"version\": \"1.0.0\" }'); Sentry.init({ release: `app@${version}`, tracesSampleRate: 1 });",
        "import { readFileSync } from 'node:fs'; let release;
         try { release = readFileSync(new URL('./REVISION', import.meta.url), 'utf8').trim(); } catch { release = process.env.GIT_SHA; }
         import * as S from '@sentry/node'; S.init({ release, tracesSampleRate: 1 });",
        "import { hostname } from 'node:os'; import os from 'node:os'; import * as S from '@sentry/node';
         S.init({ serverName: hostname(), tracesSampleRate: os.cpus().length > 1 ? 1 : 0.5 });",
        "const environments = new Map([['production', 0.1], ['staging', 1]]);
         Sentry.init({ tracesSampleRate: environments.get(process.env.NODE_ENV) ?? 0 });",
        "const clean = (text) => text.trim(); const tags = {}; const sentry = { start() { Sentry.init({ initialScope: { tags }, tracesSampleRate: 1 }); } };
         for (const part of (process.env.SENTRY_TAGS ?? '').split(',')) { const [name, value = ''] = part.split('='); tags[clean(name)] = clean(value); }
         sentry.start();",
        "const query = { a: 1, b: () => 2 }; const text = Object.keys(query).map((key) => `${key}=${query[key]}`).join('&');
         const sentry = { query, start() { Sentry.init({ initialScope: { tags: { text } }, tracesSampleRate: 1 }); } }; sentry.start(); query.b();",
        "const sampler = ({ name, inheritOrSampleWith }) => name.includes('/health') ? 0 : inheritOrSampleWith(0.2);
         Sentry.init({ tracesSampler: sampler });",
    ]);
}

#[test]
fn environments_that_are_read_first() {
    proven(&[
        "import 'dotenv/config'; import * as S from '@sentry/node'; S.init({ dsn: process.env.SENTRY_DSN, tracesSampleRate: 1 });",
        "import { config } from 'dotenv'; config(); config({ path: '.env.local', override: true });
         import * as S from '@sentry/node'; S.init({ dsn: process.env.SENTRY_DSN, tracesSampleRate: 1 });",
        "await import('dotenv/config'); Sentry.init({ dsn: process.env.SENTRY_DSN, tracesSampleRate: 1 });",
        "if (process.env.NODE_ENV !== 'production') { const { config } = await import('dotenv'); config(); }
         Sentry.init({ dsn: process.env.SENTRY_DSN, tracesSampleRate: 1 });",
        "try { process.loadEnvFile(); } catch (error) { console.warn('no .env', error); } Sentry.init({ tracesSampleRate: 1 });",
        "import { z } from 'zod'; import * as S from '@sentry/node';
         const schema = z.object({ SENTRY_DSN: z.string().url().optional(), SENTRY_TRACES: z.coerce.number().min(0).max(1).default(0.1) });
         const env = schema.parse(process.env); S.init({ dsn: env.SENTRY_DSN, tracesSampleRate: env.SENTRY_TRACES });",
        "import { z } from 'zod'; import * as S from '@sentry/node';
         const parsed = z.object({ DSN: z.string() }).safeParse(process.env);
         if (!parsed.success) { console.error(parsed.error.flatten().fieldErrors); process.exit(1); }
         S.init({ dsn: parsed.data.DSN, tracesSampleRate: 1 });",
        "import { z } from 'zod'; import * as S from '@sentry/node';
         const parsed = z.object({ DSN: z.string() }).safeParse(process.env);
         if (!parsed.success) throw new Error('bad environment');
         S.init({ dsn: parsed.data.DSN, tracesSampleRate: 1 });",
    ]);
    conditional(&[
        "if (!process.env.SENTRY_DSN) { await import('dotenv/config'); if (process.env.SENTRY_DSN) Sentry.init({ tracesSampleRate: 1 }); }",
        "import { config } from 'dotenv'; import * as S from '@sentry/node'; config();
         if (process.env.SENTRY_DSN) { S.init({ tracesSampleRate: 1 }); } else { console.log('Sentry is off'); }",
        "const enabled = process.env.NODE_ENV === 'production' && process.env.SENTRY_ENABLED !== 'false';
         if (enabled) { Sentry.init({ tracesSampleRate: 1 }); }",
        "const flags = { sentry: process.env.SENTRY === '1', profiling: false };
         function setup() { if (!flags.sentry) return; Sentry.init({ tracesSampleRate: 1 }); } setup();",
        "const dsn = process.env.SENTRY_DSN?.trim(); if (dsn) Sentry.init({ dsn, tracesSampleRate: 1 });",
        "switch (process.env.APP_ENV) { case 'production': case 'staging': Sentry.init({ tracesSampleRate: 1 }); break; default: console.info('off'); }",
        "if (import.meta.env?.PROD ?? process.env.NODE_ENV === 'production') { Sentry.init({ tracesSampleRate: 1 }); }",
        "import { fileURLToPath } from 'node:url'; import * as S from '@sentry/node';
         const isMain = process.argv[1] === fileURLToPath(import.meta.url); if (!isMain) { S.init({ tracesSampleRate: 1 }); }",
    ]);
}

#[test]
fn wrappers_of_the_start() {
    proven(&[
        "class Telemetry { static #instance; #options; constructor(options) { this.#options = options; }
           static get instance() { return Telemetry.#instance ??= new Telemetry({ tracesSampleRate: 1 }); }
           start() { Sentry.init({ ...this.#options }); return this; } }
         Telemetry.instance.start();",
        "Sentry.init({ tracesSampleRate: 1 }); [1].lastIndexOf(1); [1][Symbol.iterator]();",
        "class Tracer { constructor(options) { this.options = options; this.init(); } init() { Sentry.init(this.options); } }
         export const tracer = new Tracer({ tracesSampleRate: 1 });",
        "class Base { start() { this.onStart(); } onStart() {} } class WithSentry extends Base { onStart() { Sentry.init({ tracesSampleRate: 1 }); } } new WithSentry().start();",
        "const providers = new Map([['sentry', () => Sentry.init({ tracesSampleRate: 1 })], ['none', () => {}]]); providers.get('sentry')();",
        "const providers = { sentry: () => Sentry.init({ tracesSampleRate: 1 }) }; for (const [name, start] of Object.entries(providers)) { console.log(name); start(); }",
        "const starters = new Map(); starters.set('sentry', () => Sentry.init({ tracesSampleRate: 1 })); for (const start of starters.values()) start();",
        "const starters = new Set([() => Sentry.init({ tracesSampleRate: 1 })]); for (const start of starters) start();",
        "const steps = [() => console.log('begin'), () => Sentry.init({ tracesSampleRate: 1 }), () => Sentry.setTag('app', 'web')]; for (const step of steps) step();",
        "import { AsyncLocalStorage } from 'node:async_hooks'; import * as S from '@sentry/node';
         const storage = new AsyncLocalStorage(); storage.run({ phase: 'boot' }, () => { S.init({ tracesSampleRate: 1 }); });",
        "import { AsyncLocalStorage } from 'node:async_hooks'; import * as S from '@sentry/node';
         new AsyncLocalStorage().run(new Map(), start, 1); function start(rate) { S.init({ tracesSampleRate: rate }); }",
        "import { AsyncLocalStorage } from 'node:async_hooks'; import * as S from '@sentry/node';
         new AsyncLocalStorage().exit((rate) => S.init({ tracesSampleRate: rate }), 1);",
        "function once(f) { let called = false, value; return (...args) => { if (!called) { called = true; value = f(...args); } return value; }; }
         export const start = once((options) => Sentry.init(options)); start({ tracesSampleRate: 1 });",
        "const withLogging = (name, f) => (...args) => { console.time(name); try { return f(...args); } finally { console.timeEnd(name); } };
         withLogging('sentry', Sentry.init)({ tracesSampleRate: 1 });",
        "const api = Object.create({ start() { Sentry.init({ tracesSampleRate: 1 }); } }); api.start();",
        "const START = Symbol('start'); const api = { [START]() { Sentry.init({ tracesSampleRate: 1 }); } }; api[START]();",
        "export function register() { Sentry.init({ tracesSampleRate: 1 }); } export default register(); export const onRequestError = Sentry.captureException;",
        "const start = async () => { Sentry.init({ tracesSampleRate: 1 }); await Sentry.flush(0); }; start().catch(console.error);",
        "async function main() { const { hostname } = await import('node:os'); Sentry.init({ serverName: hostname(), tracesSampleRate: 1 }); } await main();",
        "if (!Sentry.isInitialized()) { Sentry.init({ tracesSampleRate: 1 }); } else { Sentry.init({}); }",
        "import * as S from '@sentry/solidstart'; if (!S.isInitialized()) S.init({ tracesSampleRate: 1 });",
        "import { readFileSync } from 'node:fs'; import * as S from '@sentry/node'; S.getClient() ?? S.init({ tracesSampleRate: 1 });",
        "[2, 1].sort((a, b) => { if (!Sentry.getClient()) Sentry.init({ tracesSampleRate: 1 }); return a - b; });",
    ]);
    // Something may have made a client without starting Sentry.
    for instrumentation in [
        "Sentry.setCurrentClient(globalThis.client); if (!Sentry.isInitialized()) Sentry.init({});",
        "if (process.env.X) Sentry.getCurrentScope().setClient(1); if (!Sentry.isInitialized()) Sentry.init({});",
        "new Sentry.NodeClient({}); if (!Sentry.isInitialized()) Sentry.init({});",
        "import * as B from '@sentry/browser'; B.init({}); if (!Sentry.isInitialized()) Sentry.init({});",
        "import 'other'; if (!Sentry.isInitialized()) Sentry.init({});",
        "unknown(); if (!Sentry.getClient()) Sentry.init({});",
        "unknown(() => Sentry.setCurrentClient(1)); if (!Sentry.getClient()) Sentry.init({});",
        "(async () => { await 0; Sentry.setCurrentClient(1); })(); await 1; if (!Sentry.getClient()) Sentry.init({});",
        "process.nextTick(() => Sentry.setCurrentClient(1)); await 1; if (!Sentry.getClient()) Sentry.init({});",
        "for (let i = 0; i < 2; i++) { if (i && !Sentry.isInitialized()) Sentry.init({}); Sentry.setCurrentClient(1); }",
    ] {
        not_surely_proven(instrumentation);
    }
    conditional(&[
        "globalThis.__sentryStarted ??= (Sentry.init({ tracesSampleRate: 1 }), true); Sentry.isInitialized() || Sentry.init({});",
        "if (!globalThis.__sentryStarted) { globalThis.__sentryStarted = true; Sentry.init({ tracesSampleRate: 1 }); }",
        "try { console.log('starting'); Sentry.init({ integrations: [new globalThis.Custom()], tracesSampleRate: 1 }); } catch (error) { console.error('Sentry did not start', error); }",
    ]);
}

#[test]
fn callbacks_that_are_handed_out_on_several_paths() {
    for instrumentation in [
        "import { on } from 'bus'; import { load } from './load.mjs'; if (process.env.X) { on(load); process.exit(0); } on(load); Sentry.init({});",
        "import { on } from 'bus'; import { load } from './load.mjs'; if (process.env.X) { on(load); process.exit(0); } else { on(load); } Sentry.init({});",
        "import { on } from 'bus'; import { load } from './load.mjs'; process.env.X ? (on(load), process.exit(0)) : on(load); Sentry.init({});",
    ] {
        not_proven(instrumentation);
    }
}

#[test]
fn modules_that_are_loaded_on_several_paths() {
    for instrumentation in [
        "if (process.env.X) { await import('./warm.mjs'); process.exit(0); } await import('./warm.mjs'); Sentry.init({});",
        "if (process.env.X) { await import('./warm.mjs'); process.exit(0); } else { await import('./warm.mjs'); } Sentry.init({});",
        "process.env.X ? (await import('./warm.mjs'), process.exit(0)) : await import('./warm.mjs'); Sentry.init({});",
        "const { load } = await import('./load.mjs'); if (process.env.X) { await load(); process.exit(0); } await load(); Sentry.init({});",
        "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
         if (process.env.X) { require('./warm.cjs'); process.exit(0); } require('./warm.cjs'); Sentry.init({});
--- warm.cjs
require('./chunks/nitro.mjs');",
    ] {
        not_proven(instrumentation);
    }
    proven(&[
        "if (process.env.X) { await import('./begin.mjs'); } else { await import('./begin.mjs'); }
--- begin.mjs
import * as Sentry from '@sentry/node';
Sentry.init({ tracesSampleRate: 1 });",
        "if (process.env.X) { await import('./begin.mjs'); process.exit(0); } await import('./begin.mjs');
--- begin.mjs
import * as Sentry from '@sentry/node';
Sentry.init({ tracesSampleRate: 1 });",
    ]);
}

#[test]
fn prototypes() {
    proven(&[
        "class Tracer { start() { Sentry.init({ tracesSampleRate: 1 }); } } Tracer.prototype.start.call(null);",
        "class Tracer {} Tracer.prototype.start = () => Sentry.init({ tracesSampleRate: 1 }); new Tracer().start();",
        "class Tracer { start() {} } Tracer.prototype.start = () => { Sentry.init({ tracesSampleRate: 1 }); }; class Web extends Tracer {} new Web().start();",
        "class Tracer { start() { Sentry.init({ tracesSampleRate: 1 }); } } console.log(Tracer.name.toLowerCase(), Tracer.prototype.end); new Tracer().start();",
        "class Tracer { start() { Sentry.init({ tracesSampleRate: 1 }); } } const tracer = new Tracer(); tracer.constructor.prototype.start();",
        "class Tracer { start() { Sentry.init({ tracesSampleRate: 1 }); } } Object.assign(Tracer.prototype, { stop() {} }); const tracer = new Tracer(); tracer.stop(); tracer.start();",
        "function Tracer() { this.start = () => Sentry.init({ tracesSampleRate: 1 }); } Tracer.prototype.stop = () => {}; new Tracer().start();",
        "function Tracer() {} Tracer.prototype.start = function () { Sentry.init({ tracesSampleRate: 1 }); return this; }; const tracer = new Tracer(); tracer.start();",
        "const Tracer = (function () { function Tracer(options) { this.options = options; } Tracer.prototype.start = function () { Sentry.init(this.options); }; return Tracer; })();
         new Tracer({ tracesSampleRate: 1 }).start();",
        "function Tracer() {} Tracer.prototype = { start() { Sentry.init({ tracesSampleRate: 1 }); } }; new Tracer().start();",
        "function Base() {} Base.prototype.start = () => Sentry.init({ tracesSampleRate: 1 }); function Tracer() { Base.call(this); }
         Tracer.prototype = Object.create(Base.prototype); Tracer.prototype.constructor = Tracer; new Tracer().start();",
        "function Tracer() {} Object.defineProperty(Tracer.prototype, 'rate', { set(value) { Sentry.init({ tracesSampleRate: value }); } }); new Tracer().rate = 1;",
        "import { Tracer } from './tracer.cjs'; new Tracer({ tracesSampleRate: 1 }).start();
--- tracer.cjs
'use strict'; Object.defineProperty(exports, '__esModule', { value: true }); exports.Tracer = void 0;
const Sentry = require('@sentry/node');
function Tracer(options) { this.options = options; } Tracer.prototype.start = function start() { Sentry.init(this.options); }; exports.Tracer = Tracer;",
    ]);
    for instrumentation in [
        "class Tracer { start() { Sentry.init({}); } } Tracer.prototype.start = () => {}; new Tracer().start();",
        "class Tracer { start() { Sentry.init({}); } } const tracer = new Tracer(); Tracer.prototype.start = () => {}; tracer.start();",
        "class Tracer { start() { Sentry.init({}); } } new Tracer().constructor.prototype.start = () => {}; new Tracer().start();",
        "class Tracer { start() { Sentry.init({}); } } Object.getPrototypeOf(new Tracer()).start = () => {}; new Tracer().start();",
        "class Tracer { start() { Sentry.init({}); } } new Tracer().__proto__.start = () => {}; new Tracer().start();",
        "class Tracer { start() { Sentry.init({}); } } Reflect.getPrototypeOf(new Tracer()).start = () => {}; new Tracer().start();",
        "class Tracer { start() { Sentry.init({}); } } Object.defineProperty(Tracer.prototype, 'start', { value() {} }); new Tracer().start();",
        "class Tracer { start() { Sentry.init({}); } } Object.assign(Tracer.prototype, { start() {} }); new Tracer().start();",
        "class Tracer { start() { Sentry.init({}); } } class Web extends Tracer { begin() { super.start(); } } Tracer.prototype.start = () => {}; new Web().begin();",
        "class Tracer { start() { Sentry.init({}); } } Object.setPrototypeOf(Tracer.prototype, null); delete Tracer.prototype.start; new Tracer().start?.();",
        "class Tracer { set rate(value) { Sentry.init({}); } } Object.defineProperty(Tracer.prototype, 'rate', { set() {} }); new Tracer().rate = 1;",
        "class Tracer { start() { Sentry.init({}); } } const { prototype } = Tracer; prototype.start = () => {}; new Tracer().start();",
        "class Tracer { start() { Sentry.init({}); } } Reflect.set(Tracer.prototype, 'start', () => {}); new Tracer().start();",
        "function Tracer() {} Tracer.prototype.start = () => Sentry.init({}); Tracer.prototype.start = () => {}; new Tracer().start();",
        "function Tracer() {} Tracer.prototype.start = () => Sentry.init({}); new Tracer().constructor.prototype.start = () => {}; new Tracer().start();",
        "function Tracer() {} Tracer.prototype.start = () => Sentry.init({}); const tracer = new Tracer(); Tracer.prototype = { start() {} }; new Tracer().start();",
        "function Tracer() {} Tracer.prototype.start = () => Sentry.init({}); Object.getPrototypeOf(new Tracer()).start = () => {}; new Tracer().start();",
        "function Tracer() {} if (process.env.X) { Tracer.prototype = { start() { Sentry.init({}); } }; } new Tracer().start?.();",
        "function Tracer() {} const other = { start() {} }; Tracer.prototype.start = () => Sentry.init({}); Object.setPrototypeOf(Tracer, other); Tracer['proto' + 'type'] = other; new Tracer().start();",
        "import { on } from 'bus'; function Tracer() {} on(() => { Tracer.prototype.start = () => {}; }); Tracer.prototype.start = () => Sentry.init({}); new Tracer().start();",
        "class Tracer { start() { Sentry.init({}); } } Tracer['proto' + 'type'].start = () => {}; new Tracer().start();",
    ] {
        not_surely_proven(instrumentation);
    }
}

#[test]
fn functions_that_are_looked_up() {
    conditional(&[
        "const providers = { sentry: () => Sentry.init({ tracesSampleRate: 1 }), none: () => {} }; (providers[process.env.APM] ?? providers.none)();",
        "const providers = { sentry: () => Sentry.init({ tracesSampleRate: 1 }), none: () => {} }; providers[process.env.APM]?.();",
        "const providers = { sentry: { start() { Sentry.init({ tracesSampleRate: 1 }); } }, none: { start() {} } };
         const provider = providers[process.env.APM ?? 'none'] ?? providers.none; provider.start();",
        "const providers = new Map([['sentry', () => Sentry.init({ tracesSampleRate: 1 })]]); providers.get(process.env.APM)?.();",
        "const providers = new Map([['sentry', () => Sentry.init({ tracesSampleRate: 1 })], ['none', () => {}]]);
         const start = providers.get(process.env.APM); if (start) start();",
        "const providers = [{ name: 'sentry', start() { Sentry.init({ tracesSampleRate: 1 }); } }, { name: 'none', start() {} }];
         const found = providers.find((one) => one.name === process.env.APM); found?.start();",
        "const providers = [{ on: process.env.SENTRY, start() { Sentry.init({ tracesSampleRate: 1 }); } }, { on: process.env.OTHER, start() {} }];
         for (const provider of providers.filter((one) => one.on)) provider.start();",
        "const providers = [{ on: process.env.SENTRY, start() { Sentry.init({ tracesSampleRate: 1 }); } }]; providers.filter((one) => one.on).forEach((one) => one.start());",
    ]);
    proven(&[
        "const start = { production: () => Sentry.init({ tracesSampleRate: 0.1 }), development: () => Sentry.init({ tracesSampleRate: 1 }) };
         (start[process.env.NODE_ENV] ?? start.development)?.(); Sentry.init({ tracesSampleRate: 1 });",
        "const rates = { production: 0.1, development: 1 }; Sentry.init({ tracesSampleRate: rates[process.env.NODE_ENV] ?? 1 });",
        "const providers = new Map([['a', () => Sentry.init({ tracesSampleRate: 1 })], ['b', () => Sentry.init({ tracesSampleRate: 0 })]]);
         const start = providers.get(process.env.APM) ?? providers.get('a'); start();",
    ]);
    for instrumentation in [
        "import { load } from './load.mjs'; const steps = { sentry: () => Sentry.init({}), warm: load }; await steps[process.env.STEP]?.(); Sentry.init({});",
        "import { load } from './load.mjs'; const steps = new Map([['a', load], ['b', () => {}]]); await steps.get(process.env.STEP)?.(); Sentry.init({});",
        "import { load } from './load.mjs'; const steps = [load, () => {}]; await steps.find((one) => one.name === process.env.STEP)?.(); Sentry.init({});",
        "import { load } from './load.mjs'; const steps = [() => {}, load]; for (const step of steps.filter((one) => process.env[one.name])) await step(); Sentry.init({});",
    ] {
        not_proven(instrumentation);
    }
}

#[test]
fn sentry_beside_others() {
    proven(&[
        "import { nodeProfilingIntegration } from '@sentry/profiling-node'; import * as S from '@sentry/node';
         S.init({ integrations: [nodeProfilingIntegration()], tracesSampleRate: 1, profileSessionSampleRate: 1 });",
        "import * as Sentry from '@sentry/node'; const integrations = [];
         try { const { nodeProfilingIntegration } = await import('@sentry/profiling-node'); integrations.push(nodeProfilingIntegration()); } catch (error) { console.warn('no profiling', error); }
         Sentry.init({ integrations, tracesSampleRate: 1 });",
        "import { NodeSDK } from '@opentelemetry/sdk-node'; import { SentryPropagator, SentrySampler, SentrySpanProcessor } from '@sentry/opentelemetry'; import * as S from '@sentry/node';
         const client = S.init({ skipOpenTelemetrySetup: true, tracesSampleRate: 1 });
         const sdk = new NodeSDK({ sampler: new SentrySampler(client), spanProcessors: [new SentrySpanProcessor()], textMapPropagator: new SentryPropagator() });
         sdk.start(); S.validateOpenTelemetrySetup(); process.on('SIGTERM', () => { sdk.shutdown().finally(() => process.exit(0)); });",
        "import { PrismaInstrumentation } from '@prisma/instrumentation'; import * as S from '@sentry/node';
         S.init({ openTelemetryInstrumentations: [new PrismaInstrumentation()], tracesSampleRate: 1 });",
        "import { register } from 'node:module'; register('import-in-the-middle/hook.mjs', import.meta.url); import * as S from '@sentry/node'; S.init({ tracesSampleRate: 1 });",
        "Sentry.init({ tracesSampleRate: 1 }); Sentry.setTag('region', process.env.REGION); Sentry.addEventProcessor((event) => event);
         process.on('unhandledRejection', (reason) => { Sentry.captureException(reason); }); setInterval(() => Sentry.metrics?.count?.('tick', 1), 1000).unref();",
        "import pkg from './package.json' with { type: 'json' }; import * as S from '@sentry/node'; S.init({ release: pkg.version, tracesSampleRate: 1 });
--- package.json
{ \"type\": \"module\", \"version\": \"1.2.3\" }",
        "import config from './settings.json' with { type: 'json' }; import * as S from '@sentry/node'; S.init({ ...config.sentry, dsn: process.env.SENTRY_DSN, tracesSampleRate: 1 });
--- settings.json
{ \"sentry\": { \"debug\": false } }",
        "import { startObservability } from '@acme/observability'; startObservability();",
    ]);
    conditional(&[
        "import config from './settings.json' with { type: 'json' }; import * as S from '@sentry/node'; if (config.sentry.enabled) S.init({ tracesSampleRate: 1 });
--- settings.json
{ \"sentry\": { \"enabled\": true } }",
        "import * as Sentry from '@sentry/node'; try { const { start } = await import('@acme/tracing'); start(); Sentry.init({ tracesSampleRate: 1 }); } catch (error) { console.error(error); }",
    ]);
}
