import { withSentryRouterRouting } from "@sentry/solidstart/solidrouter";
import { Router } from "@solidjs/router";
import { FileRoutes } from "@solidjs/start/router";
import { Suspense } from "solid-js";

const SentryRouter = withSentryRouterRouting(Router);

export default function App() {
  return (
    <SentryRouter root={(props) => <Suspense>{props.children}</Suspense>}>
      <FileRoutes />
    </SentryRouter>
  );
}
