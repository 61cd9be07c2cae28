/** A run of the retention rules as the server does it, and the report of a dry run. */
import type { RegistryCatalog } from "../contract.ts";
import type { RegistryMetrics } from "../observe/registry-metrics.ts";
import type { Removal } from "./plan.ts";
import { planAll, type RetentionOutcome, sweep } from "./retention.ts";
import type { RetentionRule } from "./rules.ts";

interface RunContext {
  signal?: AbortSignal;
  log: {
    info(message: string, fields?: Record<string, unknown>): void;
    warn(message: string, fields?: Record<string, unknown>): void;
  };
  metrics: RegistryMetrics;
}

/** Removes what the rules say and logs each removal with its reason. */
export async function retentionRun(
  catalog: RegistryCatalog,
  rules: readonly RetentionRule[],
  { signal, log, metrics }: RunContext,
): Promise<RetentionOutcome> {
  const { removed, failed } = await sweep(catalog, rules, { signal });
  for (const { repository, tag, digest, reason } of removed) {
    metrics.removed(tag === undefined ? "manifest" : "tag");
    log.info("removed by rule", { repository, tag, digest, reason });
  }
  for (const { removal, reason } of failed) {
    log.warn("a rule could not remove", {
      repository: removal.repository,
      tag: removal.tag,
      digest: removal.digest,
      reason,
    });
  }
  log.info("retention has run", { removed: removed.length, failed: failed.length });
  return { removed, failed };
}

/** What would go and why, one line each. */
export async function dryRunText(catalog: RegistryCatalog, rules: readonly RetentionRule[]): Promise<string> {
  const lines: string[] = [];
  for await (const removals of planAll(catalog, rules)) lines.push(...removals.map(removalLine));
  return lines.length === 0 ? "nothing would be removed\n" : `${lines.join("\n")}\n${lines.length} would be removed\n`;
}

function removalLine({ repository, tag, digest, reason }: Removal): string {
  return `${tag === undefined ? `${repository}@${digest}` : `${repository}:${tag}`}  ${reason}`;
}
