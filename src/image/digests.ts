/** Chain IDs: the digests of a layer and all below it (OCI image specification, config.md, "Layer ChainID"). */
import { digestOf } from "../lib/digest.ts";
import type { Digest } from "../model/image.ts";

export function chainIdsOf(diffIds: Digest[]): Digest[] {
  const chainIds: Digest[] = [];
  for (const diffId of diffIds) {
    const parent = chainIds.at(-1);
    chainIds.push(parent === undefined ? diffId : digestOf(`${parent} ${diffId}`));
  }
  return chainIds;
}
