import type { ObservedContainer, UpdateFailure } from "../contract.ts";
import { gateSteps } from "./gate-steps.ts";
import type { StepList } from "./step-list.ts";
import type { UpdateOrder } from "./update-order.ts";

/** The containers of one service that are out of date, and what is known about them. */
export interface Replacements {
  service: string;
  outdated: readonly ObservedContainer[];
  /** Those that run, and are updated as `update` says. */
  running: readonly ObservedContainer[];
  update: UpdateOrder;
  /** False where nothing is started, or what they share goes too: then all are made anew at once. */
  isLive: boolean;
  /** What must be done before any of them. */
  needs: readonly string[];
  nameOf(number: number): string;
  /** What must be done before this one. */
  stopsOf(old: ObservedContainer): readonly string[];
  reasonFor(old: ObservedContainer): string;
  /** Adds the start of a container that was made anew. */
  start(container: string, after: string[], tolerated: number): void;
}

const NOTHING_TOLERATED: UpdateFailure = { tolerated: 0, rollsBack: false };

/** Replaces containers, group by group; each group waits until the one before is ready. */
export function planReplacements(steps: StepList, wish: Replacements): void {
  const { service, running, update, isLive } = wish;
  let gate: readonly string[] = [];
  let group: string[] = [];
  for (const old of wish.outdated) {
    const index = running.indexOf(old);
    const container = wish.nameOf(old.number);
    const isUpdate = index >= 0 && isLive;
    const order = isUpdate ? update.order : "stop-first";
    const failure = isUpdate ? update.failure : NOTHING_TOLERATED;
    const id = `container ${container}`;
    const needs = [...wish.needs, ...(index >= 0 ? gate : []), ...wish.stopsOf(old)];
    steps.add(
      id,
      { kind: "recreate-container", service, number: old.number, container, replaces: old, order, failure },
      needs,
      wish.reasonFor(old),
    );
    steps.notePresent(service, id);
    if (order === "start-first") steps.noteStarted(service, id);
    else wish.start(container, [id], failure.tolerated);
    if (!isUpdate) continue;
    group.push(container);
    const isLast = index === running.length - 1;
    if (group.length < update.atOnce && !isLast) continue;
    gate = addGate(steps, wish, group, isLast);
    group = [];
  }
  if (!update.failure.rollsBack || !isLive) return;
  // Old containers that could have come back go at the end.
  for (const { id, name: container } of running)
    steps.add(`finish ${container}`, { kind: "finish-update", service, container, id }, gate, "the update went well");
}

/** The steps after which a group of an update is done, so that the next one may go. */
function addGate(
  steps: StepList,
  { service, update }: Replacements,
  containers: readonly string[],
  isLast: boolean,
): readonly string[] {
  const started = containers.map((container) =>
    steps.has(`start ${container}`) ? `start ${container}` : `container ${container}`,
  );
  const gates = gateSteps(service, containers, update, { isLast, started });
  for (const { id, action, needs, reason } of gates) steps.add(id, action, needs, reason);
  return gates.length === 0 ? started : [gates.at(-1)!.id];
}
