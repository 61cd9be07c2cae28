/** What HTTP asks of one kind and ClusterClient does not tell: whether a write made the object, whether a deletion ended it. */
import type { Scale } from "../../model/kubernetes/autoscaling-v1.ts";
import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { DeleteOptions, PatchOptions, PatchType, UpdateOptions } from "../contract.ts";
import type { Caller, Core } from "../machinery/core.ts";
import { deleteObject } from "../machinery/delete-object.ts";
import { patchObject } from "../machinery/patch-object.ts";
import type { ServedKind } from "../machinery/registry.ts";
import { StoredResourceClient } from "../machinery/resource-client.ts";
import { servedObject } from "../machinery/versions.ts";
import { StatusError } from "../status.ts";

export interface Written {
  object: Stored<KubeObject>;
  created: boolean;
}

export class ResourceAccess extends StoredResourceClient<KubeObject> {
  constructor(
    private readonly machinery: Core,
    readonly kind: ServedKind,
    private readonly who: Caller,
  ) {
    super(machinery, () => kind, who);
  }

  /** GET of a part: status and the like are the object itself. @throws StatusError NotFound */
  async getSubresource(namespace: string | undefined, name: string, subresource: string): Promise<Stored<KubeObject>> {
    if (subresource === "scale") return (await this.getScale(namespace, name)) as Stored<KubeObject>;
    this.#checkPart(subresource);
    return await this.get(namespace, name);
  }

  /** PUT of a part. @throws StatusError NotFound, Conflict, Invalid */
  async updateSubresource(
    subresource: string,
    object: KubeObject,
    options: UpdateOptions,
  ): Promise<Stored<KubeObject>> {
    if (subresource === "scale") return (await this.updateScale(object as Scale, options)) as Stored<KubeObject>;
    this.#checkPart(subresource);
    return await this.update(object, { ...options, subresource });
  }

  /** PUT of the object; kinds that say so are made when they do not exist. */
  async put(object: KubeObject, options: UpdateOptions): Promise<Written> {
    const { namespace, name = "" } = object.metadata;
    const before = this.machinery.state.kind(this.kind.definition.type).get(namespace, name);
    return { object: await this.update(object, options), created: before === undefined };
  }

  async patched(
    namespace: string | undefined,
    name: string,
    type: PatchType,
    body: unknown,
    options: PatchOptions,
  ): Promise<Written> {
    if (options.subresource !== undefined && options.subresource !== "scale") this.#checkPart(options.subresource);
    return await patchObject(this.machinery, this.kind, this.who, { namespace, name, type, body, options });
  }

  async remove(
    namespace: string | undefined,
    name: string,
    options: DeleteOptions,
  ): Promise<{ object: Stored<KubeObject>; gone: boolean }> {
    const { object, gone } = await deleteObject(this.machinery, this.kind, this.who, namespace, name, options);
    return { object: await servedObject(this.kind, object), gone };
  }

  #checkPart(subresource: string): void {
    if (this.kind.definition.partialUpdates?.[subresource] !== undefined) return;
    throw new StatusError("NotFound", "the server could not find the requested resource", {});
  }
}
