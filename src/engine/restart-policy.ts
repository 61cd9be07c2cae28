/** When a container is started again by itself. Pure. */
import type { RestartPolicy } from "../model/container.ts";

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 60_000;
/** A container that ran this long begins with the first delay again. */
const LONG_RUN_MS = 10_000;

interface ExitFacts {
  exitCode: number;
  ranForMs: number;
  restartCount: number;
  /** Stopped or killed by hand. */
  isExitWanted: boolean;
  /** Wait before the last restart; 0 for none. */
  lastDelayMs: number;
}

/** Milliseconds to wait before the restart; undefined: it stays down. */
export function restartDelay(policy: RestartPolicy | undefined, facts: ExitFacts): number | undefined {
  if (facts.isExitWanted || !appliesTo(policy, facts)) return undefined;
  if (facts.lastDelayMs === 0 || facts.ranForMs >= LONG_RUN_MS) return FIRST_DELAY_MS;
  return Math.min(facts.lastDelayMs * 2, MAX_DELAY_MS);
}

function appliesTo(policy: RestartPolicy | undefined, facts: { exitCode: number; restartCount: number }): boolean {
  switch (policy?.Name) {
    case "always":
    case "unless-stopped":
      return true;
    case "on-failure":
      return facts.exitCode !== 0 && (policy.MaximumRetryCount === 0 || facts.restartCount < policy.MaximumRetryCount);
    default:
      return false;
  }
}

/** After a start of the daemon (or of the machine): shall a container that is down be started? */
export function restartsAtBoot(
  policy: RestartPolicy | undefined,
  facts: { exitCode: number; restartCount: number; isManuallyStopped: boolean; hasBeenStarted: boolean },
): boolean {
  if (!facts.hasBeenStarted) return false;
  if (facts.isManuallyStopped && policy?.Name !== "always") return false;
  return appliesTo(policy, facts);
}
