/** A cluster's machinery in memory for unit tests: objects, versions, watches and informers as the real one has them. */

import type { LocalClusterClient } from "../../src/kube/machinery/cluster-client.ts";
import type { Core } from "../../src/kube/machinery/core.ts";
import type { ResourceDefinition } from "../../src/kube/machinery/definition.ts";
import { openMachinery } from "../../src/kube/machinery/open-machinery.ts";
import { BUILTIN_DEFINITIONS } from "../../src/kube/resources/builtin.ts";
import type { SchemaSet } from "../../src/kube/schema/contract.ts";
import { createSchemaSet } from "../../src/kube/schema/schema-set.ts";
import type { KeyValueStore } from "../../src/kube/store/contract.ts";
import { NAMESPACES } from "../../src/model/kubernetes/names.ts";
import { MemoryKubeStore } from "./memory-kube-store.ts";
import { plainKinds, plainSchemas } from "./plain-kinds.ts";

export interface TestCluster extends AsyncDisposable {
  readonly client: LocalClusterClient;
  readonly core: Core;
  readonly store: KeyValueStore;
  /** What informer handlers threw; empty in a good test. */
  readonly errors: unknown[];
}

interface TestClusterOptions {
  store?: KeyValueStore;
  /** The builtin kinds as they are declared, with their schemas; plain ones for those that are not declared yet. */
  builtin?: boolean;
  /** Instead of the plain kinds. */
  definitions?: readonly ResourceDefinition[];
  schemas?: SchemaSet;
  /** Made at once; "default" and "kube-system" when absent. */
  namespaces?: readonly string[];
  /** Unix milliseconds. */
  now?(): number;
}

/** `await using cluster = await createTestCluster();` */
export async function createTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const store = options.store ?? new MemoryKubeStore();
  const errors: unknown[] = [];
  const { client, core, close } = await openMachinery({
    store,
    definitions: options.definitions ?? plainKinds(...(options.builtin ? BUILTIN_DEFINITIONS : [])),
    schemas: options.schemas ?? (options.builtin ? createSchemaSet() : plainSchemas),
    onError: (error) => errors.push(error),
    ...(options.now === undefined ? {} : { now: options.now }),
  });
  for (const name of options.namespaces ?? ["default", "kube-system"]) {
    await client.resource(NAMESPACES).create(undefined, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  }
  return { client, core, store, errors, [Symbol.asyncDispose]: close };
}
