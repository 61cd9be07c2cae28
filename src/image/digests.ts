/** Digests, and the chain IDs that are made of them (OCI image specification, config.md, "Layer ChainID"). */
import type { Digest } from "../model/image.ts";

export function chainIdsOf(diffIds: Digest[]): Digest[] {
  const chainIds: Digest[] = [];
  for (const diffId of diffIds) {
    const parent = chainIds.at(-1);
    chainIds.push(parent === undefined ? diffId : sha256(`${parent} ${diffId}`));
  }
  return chainIds;
}

export function sha256(data: string | Uint8Array): Digest {
  return `sha256:${new Bun.CryptoHasher("sha256").update(data).digest("hex")}`;
}
