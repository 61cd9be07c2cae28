/** `--call=outline`: the arguments, secrets and agents that building a target may use. */
import type { SourceRange } from "../contract.ts";
import { linesOf } from "../dockerfile/check-report.ts";
import { locationOf } from "./location.ts";
import type { ArgFact, RequestedFact, StageNode } from "./stage-node.ts";

export function outlineOf(target: StageNode): Record<string, unknown> {
  const stages = inOrder(target);
  const args = new Map<string, ArgFact>();
  const secrets = new Map<string, RequestedFact>();
  const agents = new Map<string, RequestedFact>();
  for (const node of stages) {
    const used = allUsed(node);
    for (const [name, fact] of node.args) if (used.has(name) && !args.has(name)) args.set(name, fact);
    for (const [id, fact] of node.secrets) if (!secrets.has(id)) secrets.set(id, fact);
    for (const [id, fact] of node.agents) if (!agents.has(id)) agents.set(id, fact);
  }
  const shownArgs = byLine([...args.values()]).map(({ name, value, description, range }) => ({
    name,
    ...(description === "" ? {} : { description }),
    ...(value === "" ? {} : { value }),
    location: locationOf(linesOf(range)),
  }));
  const { name, description } = target.stage;
  return {
    ...(name === "" ? {} : { name }),
    ...(description === "" ? {} : { description }),
    ...(shownArgs.length === 0 ? {} : { args: shownArgs }),
    ...(secrets.size === 0 ? {} : { secrets: requested(secrets) }),
    ...(agents.size === 0 ? {} : { ssh: requested(agents) }),
  };
}

function requested(facts: ReadonlyMap<string, RequestedFact>) {
  return byLine([...facts].map(([name, fact]) => ({ name, ...fact }))).map(({ name, required, range }) => ({
    name,
    ...(required ? { required } : {}),
    location: locationOf(linesOf(range)),
  }));
}

function byLine<Fact extends { range: SourceRange }>(facts: Fact[]): Fact[] {
  return facts.toSorted((a, b) => a.range.start.line - b.range.start.line);
}

/** The stage, then what it stands on: the nearest declaration of a name counts. */
function inOrder(target: StageNode): StageNode[] {
  const order = new Set<StageNode>();
  const waiting = [target];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (order.has(node)) continue;
    order.add(node);
    waiting.push(...[...node.dependencies.keys()].toReversed());
    if (node.base) waiting.push(node.base);
  }
  return [...order];
}

/** Arguments used by the stage, and those that the values of these use. */
function allUsed(node: StageNode): Set<string> {
  const used = new Set<string>();
  const waiting = [...node.usedArgs];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (used.has(name)) continue;
    used.add(name);
    waiting.push(...(node.args.get(name)?.uses ?? []));
  }
  return used;
}
