/** Every kind that is served now: the builtin ones and those of custom resource definitions. */

import type { KubeObject, ResourceType } from "../../model/kubernetes/object.ts";
import { apiVersionOf, type ResourceDefinition, type ServedVersion } from "./definition.ts";

/** One group and version of a kind, as clients ask for it. */
export interface ServedKind {
  readonly definition: ResourceDefinition;
  readonly type: ResourceType;
  /** How it differs from what is stored; undefined: this is the stored version. */
  readonly conversion?: ServedVersion;
}

/** Definitions by what they are called. Hooks of definitions take their own type; here all are of KubeObject. */
export class Registry {
  private readonly definitions = new Map<string, ResourceDefinition>();
  private readonly byResource = new Map<string, ServedKind>();
  private readonly byKind = new Map<string, ServedKind>();
  private readonly listeners = new Set<() => void>();

  constructor(definitions: readonly ResourceDefinition[]) {
    for (const definition of definitions) this.put(definition);
  }

  /** Adds a definition, or puts it in the place of the one of the same group and resource. */
  register(definition: ResourceDefinition): void {
    this.remove(definition.type);
    this.put(definition);
    this.tell();
  }

  unregister(type: ResourceType): void {
    if (this.remove(type)) this.tell();
  }

  find(group: string, version: string, resource: string): ServedKind | undefined {
    return this.byResource.get(`${group}/${version}/${resource}`);
  }

  findKind(apiVersion: string, kind: string): ServedKind | undefined {
    return this.byKind.get(`${apiVersion}/${kind}`);
  }

  all(): readonly ResourceDefinition[] {
    return [...this.definitions.values()];
  }

  /** Every group and version of every kind. */
  served(): readonly ServedKind[] {
    return [...this.byResource.values()];
  }

  onChanged(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private put(definition: ResourceDefinition): void {
    this.definitions.set(`${definition.type.group}/${definition.type.resource}`, definition);
    for (const kind of servedKinds(definition)) {
      this.byResource.set(`${kind.type.group}/${kind.type.version}/${kind.type.resource}`, kind);
      this.byKind.set(`${apiVersionOf(kind.type)}/${kind.type.kind}`, kind);
    }
  }

  private remove(type: ResourceType): boolean {
    const known = this.definitions.get(`${type.group}/${type.resource}`);
    if (known === undefined) return false;
    this.definitions.delete(`${type.group}/${type.resource}`);
    for (const kind of servedKinds(known)) {
      this.byResource.delete(`${kind.type.group}/${kind.type.version}/${kind.type.resource}`);
      this.byKind.delete(`${apiVersionOf(kind.type)}/${kind.type.kind}`);
    }
    return true;
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

function servedKinds(definition: ResourceDefinition): ServedKind[] {
  const own: ServedKind[] = definition.served === false ? [] : [{ definition, type: definition.type }];
  const others = (definition.versions ?? []).map((conversion) => ({
    definition,
    type: { ...definition.type, group: conversion.group, version: conversion.version },
    conversion,
  }));
  return [...own, ...others];
}

/** A definition of one kind as one of any kind; its hooks are only ever called with objects of that kind. */
export function anyKind<T extends KubeObject>(definition: ResourceDefinition<T>): ResourceDefinition {
  return definition as unknown as ResourceDefinition;
}
