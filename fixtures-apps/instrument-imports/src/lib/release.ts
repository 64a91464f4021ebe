// The middleware imports it as well, so Vite splits it into a file that the SDK does not copy beside the server entry.
export function release(): string {
  return `storefront@${process.env.RELEASE ?? "1.0.0"}`;
}
