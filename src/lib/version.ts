import manifest from "../../package.json" with { type: "json" };

/** The version of this naru. */
export const NARU_VERSION: string = manifest.version;

/** The newest version of the Docker Engine API that naru speaks, and the oldest. */
export const API_VERSION = "1.51";
export const MIN_API_VERSION = "1.24";
