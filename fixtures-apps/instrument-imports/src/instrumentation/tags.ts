export interface Tags {
  [name: string]: string;
  team: string;
}

export function tagsOf(team: string): Tags {
  return { team };
}
