/** Finds the operation that a request asks for. */
import { NaruError } from "../lib/errors.ts";
import type { Exchange } from "./exchange.ts";
import { type HttpMethod, OPERATIONS, type Operation } from "./operations.ts";
import { refuseOutsideSwarm } from "./outside-swarm.ts";
import type { Query } from "./query.ts";
import type { ApiVersion } from "./version.ts";
import { refuseWithoutPlugins } from "./without-plugins.ts";

/** One request on its way through a handler. */
export interface Call {
  exchange: Exchange;
  /** Values of the path's placeholders, decoded. */
  path: Readonly<Record<string, string>>;
  query: Query;
  version: ApiVersion;
  /** Aborted when the client has gone away. */
  signal: AbortSignal;
}
type Handler = (call: Call) => Promise<void> | void;
/** Handlers by operation id. */
export type Handlers = Readonly<Record<string, Handler>>;

interface Route {
  operation: Operation;
  handler: Handler;
}
interface RouteMatch {
  route: Route;
  params: Record<string, string>;
}

interface CompiledRoute extends Route {
  pattern: RegExp;
  names: string[];
}

export class Router {
  readonly #exact = new Map<string, CompiledRoute>();
  readonly #patterns = new Map<string, CompiledRoute[]>();

  /** @throws when a handler's operation is not in the table: a slip of ours. */
  constructor(handlers: Handlers) {
    const unknown = new Set(Object.keys(handlers));
    for (const operation of OPERATIONS) {
      unknown.delete(operation.id);
      this.#add(operation, handlers[operation.id] ?? refusalHandler(operation));
    }
    if (unknown.size > 0) throw new Error(`handlers without an operation: ${[...unknown].join(", ")}`);
  }

  /** `path` without version prefix and query, still percent-encoded. @throws invalid, not-found ("page not found") */
  match(method: string, path: string): RouteMatch {
    const decoded = decodePath(path);
    const exact = this.#exact.get(`${method} ${decoded}`);
    if (exact !== undefined) return { route: exact, params: {} };
    for (const route of this.#patterns.get(patternKey(method, decoded)) ?? []) {
      const match = route.pattern.exec(decoded);
      if (match === null) continue;
      const params: Record<string, string> = {};
      for (const [index, name] of route.names.entries()) params[name] = match[index + 1] ?? "";
      return { route, params };
    }
    throw new NaruError("not-found", "page not found");
  }

  #add(operation: Operation, handler: Handler): void {
    const names: string[] = [];
    const source = operation.path.replace(/\{([a-z]+)\}/g, (_whole, name: string) => {
      names.push(name);
      // Names of images contain slashes; nothing else does, and nothing else is found then.
      return "(.+)";
    });
    const route = { operation, handler, pattern: new RegExp(`^${source}$`, "s"), names };
    if (names.length === 0) {
      this.#exact.set(`${operation.method} ${operation.path}`, route);
      return;
    }
    const key = patternKey(operation.method, operation.path);
    const known = this.#patterns.get(key);
    if (known === undefined) this.#patterns.set(key, [route]);
    else known.push(route);
  }
}

/** True when naru does what the operation asks for. */
export function isServed(operation: Operation, handlers: Handlers): boolean {
  return handlers[operation.id] !== undefined;
}

function patternKey(method: HttpMethod | string, path: string): string {
  return `${method} ${path.split("/", 2)[1] ?? ""}`;
}

function refusalHandler(operation: Operation): Handler {
  const refusal = operation.refusal;
  if (refusal === undefined) throw new Error(`the operation ${operation.id} has neither a handler nor a refusal`);
  if (refusal.kind === "no-swarm") return (call) => refuseOutsideSwarm(operation.id, call);
  if (refusal.kind === "no-plugins") return (call) => refuseWithoutPlugins(operation.id, call);
  return () => {
    throw new NaruError("not-implemented", refusal.message);
  };
}

function decodePath(path: string): string {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw new NaruError("invalid", `the path ${JSON.stringify(path)} has a bad percent escape`, { cause });
  }
}
