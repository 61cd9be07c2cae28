/** Which backend a request goes to: rules of all ingresses by host and path. Pure. */

import type { Ingress, IngressBackend } from "../../model/kubernetes/networking.ts";
import type { Stored } from "../../model/kubernetes/object.ts";

/** A service's port, as an ingress names it. */
export interface RouteTarget {
  readonly namespace: string;
  readonly service: string;
  /** The service port's number or name. */
  readonly port: number | string;
}

interface Route {
  readonly path: string;
  readonly isExact: boolean;
  readonly target: RouteTarget;
}

export class RoutingTable {
  /** By "web.example", "*.example", or "" for any host; the first that fits is taken. */
  readonly #routes = new Map<string, Route[]>();
  readonly #fallback: RouteTarget | undefined;

  /** Where two ingresses say the same host and path, the older one has it; so too for the default backend. */
  constructor(ingresses: readonly Stored<Ingress>[]) {
    let fallback: RouteTarget | undefined;
    for (const ingress of oldestFirst(ingresses)) {
      const otherwise = targetOf(ingress, ingress.spec?.defaultBackend);
      fallback ??= otherwise;
      for (const rule of ingress.spec?.rules ?? []) {
        const host = (rule.host ?? "").toLowerCase();
        // A host without paths goes to the default backend as a whole.
        if (rule.http === undefined && otherwise !== undefined) this.#add(host, route("/", false, otherwise));
        for (const { path = "/", pathType, backend } of rule.http?.paths ?? []) {
          const target = targetOf(ingress, backend);
          if (target !== undefined) this.#add(host, route(path || "/", pathType === "Exact", target));
        }
      }
    }
    this.#fallback = fallback;
    // The longest path first; of equal ones the exact one. The sort is stable: the older ingress stays before.
    for (const routes of this.#routes.values()) {
      routes.sort((one, other) => other.path.length - one.path.length || Number(other.isExact) - Number(one.isExact));
    }
  }

  /**
   * A host's own rules come before those of a wildcard, and those before rules for any host.
   * @param host without the port
   * @param path of the URL, without the query
   */
  find(host: string, path: string): RouteTarget | undefined {
    const name = host.toLowerCase();
    const dot = name.indexOf(".");
    // A wildcard stands for exactly one label.
    for (const key of dot > 0 ? [name, `*${name.slice(dot)}`, ""] : [name, ""]) {
      const found = this.#routes.get(key)?.find((one) => fits(one, path));
      if (found !== undefined) return found.target;
    }
    return this.#fallback;
  }

  #add(host: string, one: Route): void {
    const routes = this.#routes.get(host);
    if (routes === undefined) this.#routes.set(host, [one]);
    else routes.push(one);
  }
}

/** A prefix is compared label by label, so that "/api" holds "/api/v1" and not "/apis"; its trailing slash says nothing. */
function route(path: string, isExact: boolean, target: RouteTarget): Route {
  return { path: isExact ? path : path.replace(/\/+$/, ""), isExact, target };
}

function fits({ path, isExact }: Route, asked: string): boolean {
  if (isExact) return asked === path;
  return asked === path || asked.startsWith(`${path}/`) || path === "";
}

function targetOf({ metadata }: Stored<Ingress>, backend: IngressBackend | undefined): RouteTarget | undefined {
  const { name, port } = backend?.service ?? {};
  const wanted = port?.name || port?.number;
  if (!name || !wanted) return undefined;
  return { namespace: metadata.namespace ?? "", service: name, port: wanted };
}

export function oldestFirst(ingresses: readonly Stored<Ingress>[]): Stored<Ingress>[] {
  return [...ingresses].sort(({ metadata: one }, { metadata: other }) => {
    const byAge = one.creationTimestamp.localeCompare(other.creationTimestamp);
    return byAge || `${one.namespace}/${one.name}`.localeCompare(`${other.namespace}/${other.name}`);
  });
}

/** "web.example" of "web.example:8080"; an IPv6 address keeps its brackets. */
export function hostName(header: string): string {
  return header.replace(/:\d+$/, "");
}
