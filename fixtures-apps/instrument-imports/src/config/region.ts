// Vite puts the value of `.env` in the place of `import.meta.env.VITE_REGION`.
export const region = (): string => import.meta.env.VITE_REGION;
