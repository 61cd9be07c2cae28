import { errorText } from "../../lib/errors.ts";
import type { KeptContainer, RunContext } from "./run-context.ts";

/** Removes an old container that is not needed any more: its update went well. */
export async function finishUpdate({ engine, kept }: RunContext, id: string): Promise<void> {
  const index = kept.findIndex(({ old }) => old.id === id);
  if (index < 0) return;
  kept.splice(index, 1);
  await engine.removeContainer(id, { force: true });
}

/** Brings back the old containers of updates that failed (`failure_action: rollback`). What cannot be brought back is told. */
export async function rollBack(context: RunContext): Promise<void> {
  await Promise.all(context.kept.splice(0).map((each) => bringBack(context, each)));
}

async function bringBack({ engine, options, live }: RunContext, { old, replacement }: KeptContainer): Promise<void> {
  const id = `Container ${old.name}`;
  options.onProgress({ id, state: "working", text: "Rolling back" });
  try {
    await engine.removeContainer(replacement.id, { force: true });
    live.remove(replacement.id);
    await engine.renameContainer(old.id, old.name);
    live.add({ id: old.id, name: old.name, service: old.service, number: old.number });
    if (old.state === "running") await engine.startContainer(old.id);
    options.onProgress({ id, state: "done", text: "Rolled back" });
  } catch (error) {
    options.onProgress({ id, state: "error", text: "Error while rolling back" });
    options.warn(`${old.name} could not be brought back: ${errorText(error)}`);
  }
}
