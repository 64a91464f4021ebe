// An enum is code, so its types cannot just be stripped.
export enum Sampling {
  Nothing = 0,
  Everything = 1,
}
