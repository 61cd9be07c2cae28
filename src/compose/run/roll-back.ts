import { errorText, NaruError } from "../../lib/errors.ts";
import type { ObservedContainer } from "../contract.ts";
import { toleratedFailures } from "../failure-ratio.ts";
import { seconds } from "../service-containers/create-request.ts";
import type { RolloutModel } from "../service-model.ts";
import { isPortTaken } from "./container-steps.ts";
import type { KeptContainer, RunContext } from "./run-context.ts";

/** Removes an old container that is not needed any more: its update went well. */
export async function finishUpdate({ engine, kept }: RunContext, id: string): Promise<void> {
  const index = kept.findIndex(({ old }) => old.id === id);
  if (index < 0) return;
  kept.splice(index, 1);
  await engine.removeContainer(id, { force: true });
}

/**
 * Brings back the old containers of updates that failed (`failure_action: rollback`), as `deploy.rollback_config` says; without it
 * all at once. What cannot be brought back is told.
 */
export async function rollBack(context: RunContext): Promise<void> {
  const services = Map.groupBy(context.kept.splice(0), ({ old }) => old.service);
  await Promise.all([...services].map(([service, kept]) => rollBackService(context, service, kept)));
}

async function rollBackService(context: RunContext, service: string, kept: readonly KeptContainer[]): Promise<void> {
  const wished = context.project?.services[service]?.deploy?.rollback_config;
  const atOnce = wished?.parallelism || (wished?.parallelism === undefined && wished ? 1 : kept.length);
  const tolerated = wishedTolerance(wished, kept.length);
  let failures = 0;
  for (let at = 0; at < kept.length; at += atOnce) {
    if (at > 0) await Bun.sleep(1000 * durationOf(wished?.delay));
    const group = kept.slice(at, at + atOnce);
    const isBack = await Promise.all(group.map((each) => bringBack(context, each, wished)));
    failures += isBack.filter((each) => !each).length;
    const left = kept.slice(at + atOnce);
    if (failures <= tolerated || left.length === 0) continue;
    context.options.warn(
      `the rollback of service ${JSON.stringify(service)} stops here (deploy.rollback_config.failure_action): not brought back: ${left.map(({ old }) => old.name).join(", ")}`,
    );
    return;
  }
}

/** How many may fail before the rollback stops. Without `rollback_config` each is tried. */
function wishedTolerance(wished: RolloutModel | undefined, count: number): number {
  if (!wished || wished.failure_action === "continue") return count;
  return toleratedFailures(wished.max_failure_ratio, count);
}

const durationOf = (text: string | undefined) => (text === undefined ? 0 : seconds(text));

/** False when it could not be brought back, or did not go on running for `monitor`. */
async function bringBack(context: RunContext, kept: KeptContainer, wished: RolloutModel | undefined): Promise<boolean> {
  const { options } = context;
  const { old } = kept;
  const id = `Container ${old.name}`;
  options.onProgress({ id, state: "working", text: "Rolling back" });
  try {
    await exchange(context, kept, wished?.order === "start-first");
    await watch(context, old, wished?.monitor);
    options.onProgress({ id, state: "done", text: "Rolled back" });
    return true;
  } catch (error) {
    options.onProgress({ id, state: "error", text: "Error while rolling back" });
    options.warn(`${old.name} could not be brought back: ${errorText(error)}`);
    return false;
  }
}

async function exchange({ engine, live }: RunContext, kept: KeptContainer, isStartFirst: boolean): Promise<void> {
  const { old, replacement } = kept;
  const wasRunning = old.state === "running";
  let isStarted = false;
  if (wasRunning && isStartFirst) {
    isStarted = await engine.startContainer(old.id).then(
      () => true,
      (error: unknown) => {
        // Another engine lets only one have the port: the new one has to go first.
        if (isPortTaken(error)) return false;
        throw error;
      },
    );
  }
  await engine.removeContainer(replacement.id, { force: true });
  live.remove(replacement.id);
  await engine.renameContainer(old.id, old.name);
  live.add({ id: old.id, name: old.name, service: old.service, number: old.number });
  if (wasRunning && !isStarted) await engine.startContainer(old.id);
}

async function watch({ engine }: RunContext, old: ObservedContainer, monitor: string | undefined): Promise<void> {
  const time = durationOf(monitor);
  if (time === 0 || old.state !== "running") return;
  await Bun.sleep(1000 * time);
  const { State } = await engine.inspectContainer(old.id);
  if (!State.Running) throw new NaruError("conflict", `it ended with ${State.ExitCode} within ${monitor}`);
}
