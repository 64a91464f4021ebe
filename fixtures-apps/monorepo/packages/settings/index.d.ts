export const settings: { team: string; tracesSampleRate: number };
