// Reports what the middleware saw. An `import` of esm-probe here would be patched whatever the server entry does.
export function GET({ locals }) {
  return Response.json({ probe: locals.probe });
}
