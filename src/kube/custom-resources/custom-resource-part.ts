/** Takes definitions of custom resources into the API when they come, and out of it when they and their objects are gone. */

import { errorText } from "../../lib/errors.ts";
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
} from "../../model/kubernetes/apiextensions.ts";
import { CUSTOM_RESOURCE_DEFINITIONS } from "../../model/kubernetes/names.ts";
import type { KubeObject, ResourceType, Stored } from "../../model/kubernetes/object.ts";
import type { ClusterPart } from "../contract.ts";
import type { LocalClusterClient } from "../machinery/cluster-client.ts";
import { copyOf, sameJson } from "../machinery/copy.ts";
import { timestamp } from "../machinery/core.ts";
import { apiVersionOf } from "../machinery/definition.ts";
import { WorkQueue } from "../machinery/work-queue.ts";
import type { CustomSchema, OpenSchemaSet } from "../schema/schema-set.ts";
import { isStatus } from "../status.ts";
import { webhookConversion } from "./conversion-webhook.ts";
import { customDefinition, customType, storageVersion } from "./custom-definition.ts";
import { CLEANUP_FINALIZER } from "./declaration.ts";
import { nameConflict } from "./name-conflicts.ts";

type Definition = Stored<CustomResourceDefinition>;

interface Dependencies {
  readonly client: LocalClusterClient;
  readonly schemas: OpenSchemaSet;
  /** The schema of one version, ready to check objects with. */
  compile(crd: CustomResourceDefinition, version: string): CustomSchema;
  /** Told of what failed and is tried again. */
  log(message: string): void;
}

/** Definitions that are established already are served as soon as run() is called. */
export function createCustomResources(dependencies: Dependencies): ClusterPart {
  return { name: "custom-resources", run: (signal) => new CustomResources(dependencies).run(signal) };
}

class CustomResources {
  private readonly queue = new WorkQueue();
  /** What is registered, by the definition's name. */
  private readonly served = new Map<string, { type: ResourceType; versions: readonly ResourceType[]; spec: unknown }>();
  private readonly client: LocalClusterClient;

  constructor(private readonly dependencies: Dependencies) {
    this.client = dependencies.client.as("custom-resources");
  }

  async run(signal: AbortSignal): Promise<void> {
    const informer = this.client.informer(CUSTOM_RESOURCE_DEFINITIONS);
    const end = informer.subscribe({
      added: (crd) => this.changed(crd),
      updated: (_, crd) => this.changed(crd),
      deleted: (crd) => this.gone(crd),
    });
    const stop = () => this.queue.close();
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    try {
      for (let name = await this.queue.take(); name !== undefined; name = await this.queue.take()) {
        await this.attempt(name, informer.get(undefined, name));
      }
    } finally {
      end();
      signal.removeEventListener("abort", stop);
    }
  }

  private async attempt(name: string, crd: Definition | undefined): Promise<void> {
    try {
      if (crd !== undefined) await this.settle(crd);
      this.queue.forget(name);
    } catch (error) {
      if (!isStatus(error, "Conflict")) this.dependencies.log(`${name}: ${errorText(error)}`);
      this.queue.addAfterFailure(name);
    } finally {
      this.queue.done(name);
    }
  }

  private changed(crd: Definition): void {
    if (isEstablished(crd)) this.serve(crd);
    this.queue.add(crd.metadata.name);
  }

  private gone(crd: Definition): void {
    this.withdraw(crd.metadata.name);
    // Others may have waited for its names.
    for (const other of this.client.informer(CUSTOM_RESOURCE_DEFINITIONS).list()) this.queue.add(other.metadata.name);
  }

  private serve(crd: Definition): void {
    const { name, deletionTimestamp } = crd.metadata;
    const spec = { ...crd.spec, deletionTimestamp };
    if (sameJson(this.served.get(name)?.spec, spec)) return;
    this.withdraw(name);
    const versions = crd.spec.versions.map((version) => customType(crd, version.name));
    for (const version of versions) {
      this.dependencies.schemas.register(version, this.dependencies.compile(crd, version.version));
    }
    const convert = webhookConversion(this.client, this.dependencies.schemas, crd);
    this.client.core.registry.register(customDefinition(crd, convert));
    this.served.set(name, { type: customType(crd, storageVersion(crd).name), versions, spec });
  }

  private withdraw(name: string): void {
    const known = this.served.get(name);
    if (known === undefined) return;
    this.served.delete(name);
    this.client.core.registry.unregister(known.type);
    for (const version of known.versions) this.dependencies.schemas.unregister(version);
  }

  private async settle(crd: Definition): Promise<void> {
    if (crd.metadata.deletionTimestamp !== undefined) return await this.cleanUp(crd);
    const others = this.client.informer(CUSTOM_RESOURCE_DEFINITIONS).list();
    const conflict = nameConflict(crd, others, this.client.core.registry.all());
    const now = timestamp(this.client.core.now());
    const conditions = [
      conflict === undefined
        ? { type: "NamesAccepted", status: "True", reason: "NoConflicts", message: "no conflicts found" }
        : { type: "NamesAccepted", status: "False", reason: conflict.reason, message: conflict.message },
    ];
    if (conflict === undefined || isEstablished(crd)) {
      conditions.push({
        type: "Established",
        status: "True",
        reason: "InitialNamesAccepted",
        message: "the initial names have been accepted",
      });
    } else {
      conditions.push({
        type: "Established",
        status: "False",
        reason: "NotAccepted",
        message: "not all names are accepted",
      });
    }
    const changed = copyOf(crd as CustomResourceDefinition);
    changed.status = {
      ...changed.status,
      acceptedNames:
        conflict === undefined ? changed.spec.names : (changed.status?.acceptedNames ?? { kind: "", plural: "" }),
      conditions: conditions.reduce(
        (all, condition) => withCondition(all, condition, now),
        changed.status?.conditions ?? [],
      ),
    };
    if (!sameJson(changed.status, crd.status)) {
      await this.client.resource(CUSTOM_RESOURCE_DEFINITIONS).updateStatus(changed).catch(unlessGone);
    }
    if (this.served.has(crd.metadata.name)) await this.fillStored(crd);
  }

  /** Objects that were written before a default came have it too: what lacks one is written again. */
  private async fillStored(crd: Definition): Promise<void> {
    const type = customType(crd, storageVersion(crd).name);
    const fill = this.dependencies.schemas.schemaOf(type)?.defaults;
    if (fill === undefined || !storageVersion(crd).served) return;
    const isConverted = crd.spec.conversion?.strategy === "Webhook";
    for (const object of this.client.core.state.kind(type).list()) {
      // Objects of other versions have another shape: they are converted when they are read.
      if (isConverted && object.apiVersion !== apiVersionOf(type)) continue;
      const filled = copyOf(object as Stored<KubeObject>);
      fill(filled);
      if (sameJson(filled, object)) continue;
      const { namespace, name } = object.metadata;
      // An object that a newer schema refuses stays as it was.
      await this.client.resource(type).patch(namespace, name, "merge", {}).catch(unlessRefused);
    }
  }

  /** All objects of the kind are deleted; when the last is gone the definition may go. */
  private async cleanUp(crd: Definition): Promise<void> {
    const { name, finalizers } = crd.metadata;
    if (!finalizers?.includes(CLEANUP_FINALIZER)) return;
    const type = customType(crd, storageVersion(crd).name);
    const objects = this.client.core.state.kind(type).list();
    // In the stored version, where it is served: a webhook that is gone already keeps nothing.
    const { versions } = crd.spec;
    const served = versions.find(({ storage, served }) => storage && served) ?? versions.find(({ served }) => served);
    if (objects.length > 0 && served !== undefined && this.served.has(name)) {
      const resource = this.client.resource(customType(crd, served.name));
      for (const { metadata } of objects) {
        if (metadata.deletionTimestamp === undefined)
          await resource.delete(metadata.namespace, metadata.name).catch(unlessGone);
      }
      if (this.client.core.state.kind(type).size > 0) return this.queue.addAfter(name, 1000);
    }
    const definitions = this.client.resource(CUSTOM_RESOURCE_DEFINITIONS);
    const changed = copyOf(crd as CustomResourceDefinition);
    changed.metadata.finalizers = finalizers.filter((finalizer) => finalizer !== CLEANUP_FINALIZER);
    await definitions.update(changed).catch(unlessGone);
  }
}

function unlessGone(error: unknown): void {
  if (!isStatus(error, "NotFound")) throw error;
}

function unlessRefused(error: unknown): void {
  if (!isStatus(error, "NotFound", "Invalid", "Forbidden")) throw error;
}

/** True when clients may use the kind. */
function isEstablished(crd: CustomResourceDefinition): boolean {
  return crd.status?.conditions?.some((one) => one.type === "Established" && one.status === "True") ?? false;
}

function withCondition(
  all: readonly CustomResourceDefinitionCondition[],
  condition: CustomResourceDefinitionCondition,
  now: string,
): CustomResourceDefinitionCondition[] {
  const before = all.find((one) => one.type === condition.type);
  const lastTransitionTime = before?.status === condition.status ? before?.lastTransitionTime : now;
  return [...all.filter((one) => one.type !== condition.type), { lastTransitionTime, ...condition }];
}
