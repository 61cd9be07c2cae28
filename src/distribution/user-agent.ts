import { release } from "node:os";
import { machineArchitecture } from "../lib/machine-architecture.ts";

/** Who asks, in the form that docker tells registries: product, language, commit, kernel, system and processor. */
export function registryUserAgent(version: string, commit = "unknown"): string {
  const parts = [`naru/${version}`, `bun/${Bun.version}`, `git-commit/${commit}`, `kernel/${release()}`];
  return [...parts, `os/${process.platform}`, `arch/${machineArchitecture()}`].join(" ");
}
