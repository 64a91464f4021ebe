import { createFileRoute } from "@tanstack/solid-router";

// Reports what the plugin of Nitro saw. An `import` of esm-probe here would be patched whatever the server entry does.
export const Route = createFileRoute("/api/probe")({
  server: {
    handlers: {
      GET: () => Response.json({ probe: globalThis.probeOfPlugin }),
    },
  },
});
