/** The store that a cluster is started with. */

import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { KeyValueStore } from "./contract.ts";

/**
 * @param where "etcd://host:port[,host:port…]", or the path of the embedded store's file
 * @throws NaruError invalid (an address that is none), unavailable (etcd does not answer; the file is damaged)
 */
export async function openStore(where: string): Promise<KeyValueStore> {
  if (where.startsWith("etcd:")) return await (await import("./etcd-store.ts")).openEtcdStore(where);
  // Others open their own files in the same new folder at the same time.
  await mkdir(dirname(where), { recursive: true, mode: 0o700 });
  return await (await import("./sqlite-store.ts")).openSqliteStore(where);
}
