// Reports what the instrumentation computed; `null` where it never ran.
export function GET() {
  return Response.json(globalThis.instrumentation ?? null);
}
