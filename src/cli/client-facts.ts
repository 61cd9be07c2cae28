import { API_VERSION, NARU_VERSION } from "../lib/version.ts";
import type { CommandContext } from "./command.ts";
import { buildTimeText, type ClientVersion } from "./version-report.ts";

/** Set by the build; absent when run from source. */
declare const NARU_COMMIT: string | undefined;
declare const NARU_BUILT: string | undefined;

const ARCHITECTURES: Record<string, string> = { x64: "amd64", arm64: "arm64" };

/** What this client says about itself in `version` and `info`. `apiVersion` is the one in use. */
export async function clientVersion(context: CommandContext, apiVersion = API_VERSION): Promise<ClientVersion> {
  const isBuilt = typeof NARU_COMMIT === "string";
  return {
    Version: NARU_VERSION,
    ApiVersion: apiVersion,
    DefaultAPIVersion: API_VERSION,
    GitCommit: isBuilt ? (NARU_COMMIT ?? "") : "unknown",
    GoVersion: `bun${Bun.version}`,
    Os: process.platform,
    Arch: ARCHITECTURES[process.arch] ?? process.arch,
    BuildTime: isBuilt ? buildTimeText(NARU_BUILT ?? "") : "",
    Context: await contextName(context),
  };
}

/** The name of the context in force: the one chosen, `default` when an address was given, or the configured one. */
export async function contextName(context: CommandContext): Promise<string> {
  if (context.contextName) return context.contextName;
  if (context.hostGiven) return "default";
  return process.env.DOCKER_CONTEXT || (await context.config()).currentContext || "default";
}
