// What the apps that are started import of Sentry, without Sentry: no start with it can take less than one with this.

export const SDK_VERSION = "none";

export function init() {}

export function getClient() {
  return undefined;
}

export async function flush() {
  return true;
}

export const sentryBeforeResponseMiddleware = () => () => {};

export const solidRouterBrowserTracingIntegration = () => undefined;

export const withSentryRouterRouting = <Router>(router: Router) => router;
