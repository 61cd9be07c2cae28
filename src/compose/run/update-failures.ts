import { errorText } from "../../lib/errors.ts";
import type { RunContext } from "./run-context.ts";

interface Updated {
  name: string;
  service: string;
}

/**
 * Notes that a container failed in its service's update. True when the update goes on, since no more than `tolerated` of the
 * service's containers failed (`deploy.update_config`): then it is told here.
 */
export function isTolerated(context: RunContext, container: Updated, tolerated: number, error: unknown): boolean {
  if (tolerated === 0 || context.options.signal?.aborted) return false;
  const { failed, options } = context;
  const names = failed.get(container.service) ?? new Set();
  failed.set(container.service, names.add(container.name));
  if (names.size > tolerated) return false;
  options.warn(
    `${container.name} failed, and the update goes on (${names.size} failed, ${tolerated} may): ${errorText(error)}`,
  );
  return true;
}

/** True for a container whose failure was told already. */
export function hasFailed({ failed }: RunContext, { name, service }: Updated): boolean {
  return failed.get(service)?.has(name) ?? false;
}
