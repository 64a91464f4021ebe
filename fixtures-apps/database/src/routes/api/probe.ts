import type { APIEvent } from "@solidjs/start/server";

// Reports what the middleware saw, without a database.
export function GET({ locals }: APIEvent) {
  return Response.json({ postgres: locals.postgres });
}
