import { createAsync, type RouteDefinition } from "@solidjs/router";
import { greeting } from "~/lib/greeting";

export const route = {
  preload: () => greeting(),
} satisfies RouteDefinition;

export default function Home() {
  const text = createAsync(() => greeting(), { deferStream: true });
  return (
    <main>
      <h1>presentry fixture</h1>
      <p id="greeting">{text()}</p>
    </main>
  );
}
