import { Slots } from "../../lib/slots.ts";
import type { Step } from "../contract.ts";

/**
 * Does steps in parallel, each once all that it needs is done; `limit` bounds how many at once (0 or less: no limit). A
 * failure aborts `stop`: nothing new begins, what goes on is waited for, and the first failure is thrown.
 */
export async function runSteps(
  steps: readonly Step[],
  work: (step: Step) => Promise<void>,
  options: { limit: number; stop: AbortController },
): Promise<void> {
  const slots = new Slots(() => options.limit);
  const { signal } = options.stop;
  const done = new Map<string, Promise<void>>();
  let failure: { error: unknown } | undefined;
  const one = async (step: Step): Promise<void> => {
    // What a plan needs but does not have is done already.
    await Promise.all(step.needs.map((id) => done.get(id)));
    if (signal.aborted) throw signal.reason;
    using _ = holding(step.action.kind === "wait" ? undefined : await slots.take(signal));
    if (signal.aborted) throw signal.reason;
    await work(step);
  };
  for (const step of inOrder(steps)) {
    const running = one(step).catch((error: unknown) => {
      failure ??= { error };
      options.stop.abort(error);
      throw error;
    });
    running.catch(() => {}); // told below, once all have settled
    done.set(step.id, running);
  }
  await Promise.allSettled(done.values());
  if (failure) throw failure.error;
}

/** Steps so that each stands after those that it needs. */
function inOrder(steps: readonly Step[]): Step[] {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const order = new Set<Step>();
  const visit = (step: Step): void => {
    if (order.has(step)) return;
    for (const id of step.needs) {
      const needed = byId.get(id);
      if (needed) visit(needed);
    }
    order.add(step);
  };
  for (const step of steps) visit(step);
  return [...order];
}

function holding(release: (() => void) | undefined): Disposable {
  return { [Symbol.dispose]: () => release?.() };
}
