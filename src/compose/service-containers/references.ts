import { NaruError } from "../../lib/errors.ts";
import type { Tree } from "../document.ts";
import { serviceHash } from "../service-hash.ts";
import type { ServiceModel } from "../service-model.ts";

/** The containers of a service, in the order of their names. */
export type ContainersOf = (service: string) => readonly { id: string; name: string }[];

const SHARED = [
  ["network_mode", "network namespace"],
  ["ipc", "IPC namespace"],
  ["pid", "PID namespace"],
] as const;

/** The services whose containers a service refers to by id: shared namespaces, `volumes_from`. */
export function referredServices(service: ServiceModel): string[] {
  const found = new Set<string>();
  for (const [key] of SHARED) {
    const mode = service[key];
    if (mode?.startsWith("service:")) found.add(mode.slice("service:".length));
  }
  for (const from of service.volumes_from ?? []) if (!from.startsWith("container:")) found.add(from.split(":")[0]!);
  return [...found];
}

/** A service whose references to services are ids of containers. Throws "not-found" where there is none. */
export function resolvedService(service: ServiceModel, containersOf: ContainersOf): ServiceModel {
  if (referredServices(service).length === 0 && !service.volumes_from) return service;
  const resolved = { ...service };
  for (const [key, words] of SHARED) {
    const mode = service[key];
    if (mode?.startsWith("service:")) {
      const id = firstOf(mode.slice("service:".length), `cannot share ${words} with service`, containersOf);
      resolved[key] = `container:${id}`;
    }
  }
  resolved.volumes_from = service.volumes_from?.map((from) => {
    const [name = "", ...rest] = from.split(":");
    if (name === "container") return rest.join(":");
    return [firstOf(name, "cannot share volume with service", containersOf), ...rest].join(":");
  });
  return resolved;
}

/**
 * The hash a service's containers are labelled with. docker compose makes it after putting ids of containers in place of services,
 * so that what shares a namespace is recreated with its owner.
 */
export function containerHash(tree: Tree, name: string, resolved: ServiceModel): string {
  const copy: Tree = { ...tree };
  for (const [key] of SHARED) if (resolved[key] !== undefined) copy[key] = resolved[key];
  // The mode after an id (`:ro`) is not part of it.
  if (resolved.volumes_from) copy.volumes_from = resolved.volumes_from.map((from) => from.split(":")[0]!);
  return serviceHash(copy, name);
}

function firstOf(service: string, words: string, containersOf: ContainersOf): string {
  const first = containersOf(service)[0];
  if (!first) throw new NaruError("not-found", `${words} ${service}: container missing`);
  return first.id;
}
