import type { APIEvent } from "@solidjs/start/server";

// Reports what the plugin of Nitro saw. An `import` of esm-probe here would be patched whatever the server entry does.
export function GET({ nativeEvent }: APIEvent) {
  return Response.json({ probe: nativeEvent.context.probe });
}
