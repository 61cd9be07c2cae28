/** A daemon without a signature policy. */
import type { ImagePolicy } from "../../src/signature/contract.ts";

export const ALLOW_ALL: ImagePolicy = { admitPull: async () => {}, admitRun: () => {} };
