/** The machinery's acts on one kind, for one caller. */

import type { Scale } from "../../model/kubernetes/autoscaling-v1.ts";
import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type {
  DeleteOptions,
  ListOptions,
  ObjectList,
  PatchOptions,
  PatchType,
  ResourceClient,
  Selection,
  UpdateOptions,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from "../contract.ts";
import { isStatus, notFound, StatusError } from "../status.ts";
import { runAdmit, runChecks } from "./admission.ts";
import { checkIncoming } from "./check-incoming.ts";
import { copyOf } from "./copy.ts";
import { type Caller, type Core, subresourceKey } from "./core.ts";
import { createObject } from "./create-object.ts";
import { qualifiedResource } from "./definition.ts";
import { deleteObject } from "./delete-object.ts";
import { listObjects } from "./list-objects.ts";
import { patchObject } from "./patch-object.ts";
import type { ServedKind } from "./registry.ts";
import { changeScale, scaleOf } from "./scale.ts";
import { changeObject } from "./update-object.ts";
import { servedObject } from "./versions.ts";
import { openWatch } from "./watch-objects.ts";

/** Objects of a collection that are deleted side by side. */
const DELETED_AT_ONCE = 50;

export class StoredResourceClient<T extends KubeObject> implements ResourceClient<T> {
  constructor(
    private readonly core: Core,
    private readonly kindNow: () => ServedKind,
    private readonly caller: Caller,
  ) {}

  async get(namespace: string | undefined, name: string): Promise<Stored<T>> {
    const kind = this.kindNow();
    await this.core.state.catchUp();
    return await servedObject<T>(kind, this.find(kind, namespace, name));
  }

  async list(options?: ListOptions): Promise<ObjectList<T>> {
    return await listObjects<T>(this.core, this.kindNow(), options);
  }

  async create(namespace: string | undefined, object: T, options?: WriteOptions): Promise<Stored<T>> {
    return await createObject(this.core, this.kindNow(), this.caller, namespace, object, options);
  }

  async update(object: T, options: UpdateOptions = {}): Promise<Stored<T>> {
    const kind = this.kindNow();
    const { namespace, name = "" } = object.metadata;
    if (kind.definition.createOnUpdate && options.subresource === undefined && this.isMissing(kind, namespace, name)) {
      const fresh = copyOf(object as KubeObject) as T;
      delete fresh.metadata.resourceVersion;
      delete fresh.metadata.uid;
      return await this.create(namespace, fresh, options);
    }
    const candidate = copyOf(object as KubeObject);
    checkIncoming(this.core, kind, candidate, options);
    const compute = () => copyOf(candidate);
    return (await changeObject(this.core, kind, this.caller, { namespace, name, options, compute })) as Stored<T>;
  }

  async updateStatus(object: T, options?: WriteOptions): Promise<Stored<T>> {
    return await this.update(object, { ...options, subresource: "status" });
  }

  async patch(
    namespace: string | undefined,
    name: string,
    type: PatchType,
    body: unknown,
    options: PatchOptions = {},
  ): Promise<Stored<T>> {
    const kind = this.kindNow();
    const outcome = await patchObject(this.core, kind, this.caller, { namespace, name, type, body, options });
    return outcome.object as Stored<T>;
  }

  async delete(namespace: string | undefined, name: string, options?: DeleteOptions): Promise<Stored<T>> {
    const kind = this.kindNow();
    const { object } = await deleteObject(this.core, kind, this.caller, namespace, name, options);
    return await servedObject<T>(kind, object);
  }

  async deleteCollection(selection: Selection & ListOptions, options?: DeleteOptions): Promise<ObjectList<T>> {
    const kind = this.kindNow();
    const list = await listObjects<T>(this.core, kind, selection);
    const items: Stored<T>[] = [];
    // Some at once: the store makes one transaction of them.
    for (let from = 0; from < list.items.length; from += DELETED_AT_ONCE) {
      const part = list.items.slice(from, from + DELETED_AT_ONCE);
      const deleted = await Promise.all(part.map((object) => this.deleteIfThere(object, options)));
      for (const object of deleted) if (object !== undefined) items.push(object);
    }
    return { ...list, items };
  }

  async *watch(options: WatchOptions, signal: AbortSignal): AsyncGenerator<WatchEvent<T>> {
    yield* await openWatch<T>(this.core, this.kindNow(), options, signal);
  }

  async postSubresource(
    namespace: string | undefined,
    name: string,
    subresource: string,
    body: unknown,
    options: WriteOptions = {},
  ): Promise<unknown> {
    const kind = this.kindNow();
    const { definition } = kind;
    const handler = this.core.subresources.get(subresourceKey(definition.type, subresource));
    if (handler === undefined) {
      const message = `the server could not find the requested resource: ${qualifiedResource(kind.type)} has no subresource ${subresource}`;
      throw new StatusError("NotFound", message, { group: kind.type.group, kind: kind.type.resource, name });
    }
    const dryRun = options.dryRun === true;
    if (this.core.admission.length > 0) {
      const request = {
        operation: "CREATE",
        type: definition.type,
        subresource,
        namespace,
        name,
        object: body as KubeObject,
        before: undefined,
        dryRun,
        user: this.caller.user,
        warn: options.warn ?? (() => {}),
      } as const;
      await runAdmit(this.core.admission, request);
      await runChecks(this.core.admission, request);
    }
    return await handler({ caller: this.caller, namespace, name, body, dryRun });
  }

  async getScale(namespace: string | undefined, name: string): Promise<Stored<Scale>> {
    const kind = this.kindNow();
    await this.core.state.catchUp();
    return scaleOf(kind, await servedObject(kind, this.find(kind, namespace, name)));
  }

  async updateScale(scale: Scale, options: WriteOptions = {}): Promise<Stored<Scale>> {
    const { namespace, name = "" } = scale.metadata;
    return await changeScale(this.core, this.kindNow(), this.caller, {
      namespace,
      name,
      options,
      compute: () => copyOf(scale),
    });
  }

  private async deleteIfThere({ metadata }: Stored<T>, options?: DeleteOptions): Promise<Stored<T> | undefined> {
    try {
      return await this.delete(metadata.namespace, metadata.name, options);
    } catch (error) {
      if (isStatus(error, "NotFound")) return undefined;
      throw error;
    }
  }

  private isMissing(kind: ServedKind, namespace: string | undefined, name: string): boolean {
    return this.core.state.kind(kind.definition.type).get(namespace, name) === undefined;
  }

  private find(kind: ServedKind, namespace: string | undefined, name: string): Stored<KubeObject> {
    const found = this.core.state.kind(kind.definition.type).get(namespace, name);
    if (found === undefined) throw notFound(kind.type.group, kind.type.resource, name);
    return found;
  }
}
