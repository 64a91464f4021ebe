// The functions of this package for ES modules. The classes are those of `index.cjs`, so `instanceof` holds everywhere.
export {
  rewrite,
  check,
  trace,
  inspect,
  restore,
  repro,
  PresentryError,
  RefusedError,
  ProofError,
  UsageError,
  PlatformError,
  CommandError,
} from "./index.cjs";
