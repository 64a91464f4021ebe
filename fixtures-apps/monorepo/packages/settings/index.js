// Settings that every app of the workspace shares.
export const settings = { team: "storefront", tracesSampleRate: 1 };
