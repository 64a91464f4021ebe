import * as Sentry from "@sentry/nuxt";

Sentry.init({ tracesSampleRate: 1 });
