/** The list of conditions in a status: one a type, a transition time that moves only when the status does. */

interface StatusCondition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

/** The condition of that type, if it is told. */
export function findCondition<C extends StatusCondition>(
  conditions: readonly C[] | undefined,
  type: string,
): C | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** True when the condition of that type is told and holds (status "True"). */
export function hasCondition(conditions: readonly StatusCondition[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === "True";
}

/**
 * The list with `next` in it. Same status and reason: the list as it was (an unchanged condition is no news); same status: the old
 * transition time is kept. A new or changed condition goes to the end, as Kubernetes' controllers do.
 */
export function withCondition<C extends StatusCondition>(conditions: readonly C[] | undefined, next: C): C[] {
  const current = findCondition(conditions, next.type);
  if (current !== undefined && current.status === next.status && current.reason === next.reason) {
    return [...(conditions ?? [])];
  }
  const placed =
    current !== undefined && current.status === next.status
      ? { ...next, lastTransitionTime: current.lastTransitionTime }
      : next;
  return [...withoutCondition(conditions, next.type), placed];
}

/** The same, but reason and message are always those of `next`: they tell what is wrong now, not what was wrong first. */
export function withLatestCondition<C extends StatusCondition>(conditions: readonly C[] | undefined, next: C): C[] {
  const current = findCondition(conditions, next.type);
  if (current === undefined || current.status !== next.status) return withCondition(conditions, next);
  const latest = { ...next, lastTransitionTime: current.lastTransitionTime };
  return (conditions ?? []).map((one) => (one === current ? latest : one));
}

/** The list without the condition of that type. */
export function withoutCondition<C extends StatusCondition>(conditions: readonly C[] | undefined, type: string): C[] {
  return (conditions ?? []).filter((condition) => condition.type !== type);
}
