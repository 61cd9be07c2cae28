/** The client of the server's own process: what the API server, controllers, scheduler and node agent speak through. */

import type { KubeObject, ResourceType } from "../../model/kubernetes/object.ts";
import type { ClusterClient, Informer, ResourceClient } from "../contract.ts";
import { StatusError } from "../status.ts";
import type { User } from "./admission.ts";
import { type Caller, type Core, type SubresourceHandler, subresourceKey } from "./core.ts";
import { apiVersionOf } from "./definition.ts";
import type { ServedKind } from "./registry.ts";
import { StoredResourceClient } from "./resource-client.ts";

export class LocalClusterClient implements ClusterClient {
  constructor(
    readonly core: Core,
    readonly caller: Caller,
  ) {}

  as(name: string): LocalClusterClient {
    return new LocalClusterClient(this.core, { ...this.caller, manager: name });
  }

  /** The same rules for somebody else: `manager` is the name of its fields when a write names none. */
  actingFor(user: User, manager: string): LocalClusterClient {
    return new LocalClusterClient(this.core, { user, manager });
  }

  resource<T extends KubeObject>(type: ResourceType<T>): ResourceClient<T> {
    return new StoredResourceClient<T>(this.core, () => this.kindOf(type), this.caller);
  }

  informer<T extends KubeObject>(type: ResourceType<T>): Informer<T> {
    const stored = this.core.registry.find(type.group, type.version, type.resource)?.definition.type ?? type;
    return this.core.state.kind(stored) as unknown as Informer<T>;
  }

  typeOf(apiVersion: string, kind: string): ResourceType | undefined {
    return this.core.registry.findKind(apiVersion, kind)?.type;
  }

  types(): readonly ResourceType[] {
    return this.core.registry.served().map((kind) => kind.type);
  }

  onTypesChanged(listener: () => void): () => void {
    return this.core.registry.onChanged(listener);
  }

  /** @throws StatusError NotFound when the API has no such kind (any more). */
  kindOf(type: ResourceType): ServedKind {
    const kind = this.core.registry.find(type.group, type.version, type.resource);
    if (kind !== undefined) return kind;
    throw new StatusError(
      "NotFound",
      `the server could not find the requested resource (${type.resource}.${apiVersionOf(type)})`,
    );
  }

  /** Says who answers POST to a subresource ("pods", "binding"). */
  handleSubresource(type: ResourceType, subresource: string, handler: SubresourceHandler): void {
    this.core.subresources.set(subresourceKey(type, subresource), handler);
  }
}
