// Reports what the middleware saw. An `import` of esm-probe here would be patched whatever the server entry does.
export default defineEventHandler((event) => ({ probe: event.context.probe }));
