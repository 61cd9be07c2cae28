/** Puts the machinery together over a store. */

import type { SchemaSet } from "../schema/contract.ts";
import type { KeyValueStore } from "../store/contract.ts";
import type { AdmissionStep } from "./admission.ts";
import { LocalClusterClient } from "./cluster-client.ts";
import { ClusterState } from "./cluster-state.ts";
import type { Core } from "./core.ts";
import type { ResourceDefinition } from "./definition.ts";
import { Registry } from "./registry.ts";

interface MachineryOptions {
  readonly store: KeyValueStore;
  readonly definitions: readonly ResourceDefinition[];
  readonly schemas: SchemaSet;
  /** Steps that every write passes, in this order. */
  readonly admission?: readonly AdmissionStep[];
  /** Unix milliseconds; the system's clock when absent. */
  now?(): number;
  /** Told of handlers that throw, and when the store can no longer be followed. */
  onError(error: unknown): void;
}

interface Machinery {
  /** A client with all rights, as the cluster's own parts use it: name it with as(). */
  readonly client: LocalClusterClient;
  readonly core: Core;
  /** Ends following the store, then closes it. */
  close(): Promise<void>;
}

/** @throws whatever the store throws when it cannot be read */
export async function openMachinery(options: MachineryOptions): Promise<Machinery> {
  const state = await ClusterState.open(options.store, options.onError);
  const core: Core = {
    state,
    registry: new Registry(options.definitions),
    schemas: options.schemas,
    admission: [...(options.admission ?? [])],
    subresources: new Map(),
    now: options.now ?? Date.now,
  };
  const user = { name: "system:apiserver", groups: ["system:masters", "system:authenticated"] };
  return {
    core,
    client: new LocalClusterClient(core, { user, manager: "naru" }),
    close: async () => {
      await state.close();
      await options.store.close();
    },
  };
}
