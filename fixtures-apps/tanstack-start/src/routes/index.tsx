import { createFileRoute } from "@tanstack/solid-router";
import { createServerFn } from "@tanstack/solid-start";

const greeting = createServerFn().handler(() => `Hello from the server, Node ${process.versions.node.split(".")[0]}`);

export const Route = createFileRoute("/")({
  loader: () => greeting(),
  component: Home,
});

function Home() {
  const text = Route.useLoaderData();
  return (
    <main>
      <h1>presentry fixture: tanstack-start</h1>
      <p id="greeting">{text()}</p>
    </main>
  );
}
