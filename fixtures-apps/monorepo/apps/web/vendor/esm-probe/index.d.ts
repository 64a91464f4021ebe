export function probe(): string;
