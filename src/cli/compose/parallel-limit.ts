import { CliError } from "../cli-error.ts";
import type { ComposeContext } from "./declaration.ts";

/** How many things may be done at once: `--parallel`, COMPOSE_PARALLEL_LIMIT; 0 for no limit. Throws CliError. */
export function parallelLimit({ globals }: Pick<ComposeContext, "globals">): number {
  if (globals.parallel > 0) return globals.parallel;
  const wished = process.env.COMPOSE_PARALLEL_LIMIT ?? "";
  if (wished === "") return 0;
  const limit = Number(wished);
  if (!Number.isInteger(limit))
    throw new CliError(`COMPOSE_PARALLEL_LIMIT must be an integer (found: ${JSON.stringify(wished)})`);
  return Math.max(0, limit);
}
