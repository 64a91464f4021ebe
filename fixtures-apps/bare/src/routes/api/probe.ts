import type { APIEvent } from "@solidjs/start/server";

// Reports what the middleware saw. An `import` of esm-probe here would be patched whatever the server entry does.
export function GET({ locals }: APIEvent) {
  return Response.json({ probe: locals.probe });
}
