// Written as ESM and nothing else, so only a loader hook registered before it is loaded can replace this function.
export function probe() {
  return "original";
}
