/** Openings that overlap, taken apart: the kernel's sets of ranges hold none that do. Pure. */

import { joined, type Span } from "../../lib/address-spans.ts";
import type { Opening } from "./policy-rules.ts";

const EVERY_PROTOCOL = 255;

/** The same connections, each in one opening alone. */
export function takenApart(openings: readonly Opening[]): Opening[] {
  const bounds = new Set<number>();
  for (const { peers } of openings) bounds.add(peers[0]).add(peers[1] + 1);
  const starts = [...bounds].sort((a, b) => a - b);
  const slices: { peers: [number, number]; rest: Omit<Opening, "peers">[] }[] = [];
  for (const [index, first] of starts.slice(0, -1).entries()) {
    const last = starts[index + 1]! - 1;
    const rest = protocolsAndPorts(openings.filter(({ peers }) => peers[0] <= first && peers[1] >= last));
    const before = slices.at(-1);
    // Neighbours to whom the same is open stay together.
    if (before !== undefined && before.peers[1] + 1 === first && Bun.deepEquals(before.rest, rest)) {
      before.peers[1] = last;
    } else if (rest.length > 0) {
      slices.push({ peers: [first, last], rest });
    }
  }
  return slices.flatMap(({ peers, rest }) => rest.map((one) => ({ peers, ...one })));
}

function protocolsAndPorts(openings: readonly Opening[]): Omit<Opening, "peers">[] {
  const every = openings.find(({ protocols }) => protocols[0] === 0 && protocols[1] === EVERY_PROTOCOL);
  if (every !== undefined) return [{ protocols: every.protocols, ports: every.ports }];
  const byProtocol = Map.groupBy(openings, ({ protocols }) => protocols[0]);
  return [...byProtocol]
    .sort(([a], [b]) => a - b)
    .flatMap(([protocol, list]) => {
      const protocols: Span = [protocol, protocol];
      return joined(list.map(({ ports }) => ports)).map((ports) => ({ protocols, ports }));
    });
}
