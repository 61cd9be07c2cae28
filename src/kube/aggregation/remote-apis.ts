/** Groups and versions that other servers answer for, as APIService objects tell them, and what is known of their resources. */

import type { APIService } from "../../model/kubernetes/apiregistration.ts";
import type { APIResource } from "../../model/kubernetes/meta.ts";
import { API_SERVICES } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient } from "../contract.ts";
import { hasCondition } from "../controllers/status-conditions.ts";

export interface RemoteGroupVersion {
  readonly group: string;
  readonly version: string;
  readonly groupPriority: number;
  readonly versionPriority: number;
  /** As the server told them last. */
  readonly resources: readonly APIResource[];
  /** False: the server cannot be reached at this moment. */
  readonly isCurrent: boolean;
}

export class RemoteApis {
  readonly #services = new Map<string, Stored<APIService>>();
  readonly #resources = new Map<string, readonly APIResource[]>();
  readonly #listeners = new Set<() => void>();

  constructor(client: ClusterClient) {
    client.informer(API_SERVICES).subscribe({
      added: (service) => this.#take(service),
      updated: (_, service) => this.#take(service),
      deleted: ({ metadata }) => this.#forget(metadata.name),
    });
  }

  /** The service that answers for a path of the API; undefined: this server does. */
  find(path: string): Stored<APIService> | undefined {
    if (this.#services.size === 0) return undefined;
    const [, group, version] = /^(?:\/openapi\/v3)?\/apis\/([^/]+)\/([^/]+)(?:\/|$)/.exec(path) ?? [];
    return group === undefined ? undefined : this.#services.get(`${version}.${group}`);
  }

  all(): readonly Stored<APIService>[] {
    return [...this.#services.values()];
  }

  /** For discovery: those of which the resources are known. */
  groupVersions(): readonly RemoteGroupVersion[] {
    return this.all().flatMap(({ metadata, spec, status }) => {
      const resources = this.#resources.get(metadata.name);
      if (spec === undefined || resources === undefined) return [];
      const { group = "", version = "", groupPriorityMinimum: groupPriority, versionPriority } = spec;
      const isCurrent = hasCondition(status?.conditions, "Available");
      return [{ group, version, groupPriority, versionPriority, resources, isCurrent }];
    });
  }

  /** What the server of that APIService has told of its resources. */
  learn(name: string, resources: readonly APIResource[]): void {
    // It may have gone while it was asked.
    if (!this.#services.has(name) || Bun.deepEquals(this.#resources.get(name), resources)) return;
    this.#resources.set(name, resources);
    this.#tell();
  }

  onChanged(listener: () => void): void {
    this.#listeners.add(listener);
  }

  #take(service: Stored<APIService>): void {
    const { name } = service.metadata;
    if (service.spec?.service === undefined) {
      this.#forget(name);
      return;
    }
    this.#services.set(name, service);
    this.#tell();
  }

  #forget(name: string): void {
    this.#resources.delete(name);
    if (this.#services.delete(name)) this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
