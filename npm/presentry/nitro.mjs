// The Nitro module for ES modules.
import presentry from "./nitro.cjs";

export default presentry;
