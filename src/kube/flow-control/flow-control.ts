/**
 * Priority and fairness: each request to the API belongs to a flow, each flow to a priority level, and each level has a share of the
 * seats in which requests are served. One client in a loop takes what is its own and leaves the others what is theirs.
 */

import type { FlowSchema } from "../../model/kubernetes/flowcontrol.ts";
import { FLOW_SCHEMAS, PRIORITY_LEVEL_CONFIGURATIONS } from "../../model/kubernetes/names.ts";
import type { KubeObject, ResourceType } from "../../model/kubernetes/object.ts";
import type { ClusterClient } from "../contract.ts";
import type { User } from "../machinery/admission.ts";
import { DEFAULT_FLOW_SCHEMAS, DEFAULT_PRIORITY_LEVELS, isMandatory } from "./flow-control-defaults.ts";
import { PriorityLevel } from "./priority-level.ts";
import { distinguisherOf, type FlowRequest, inMatchingOrder, schemaMatches } from "./request-flow.ts";
import { seatsOfLevels } from "./seats-of-levels.ts";

/** Requests that are served at once: kube-apiserver's 400 and 200 (--max-requests-inflight, --max-mutating-requests-inflight). */
const ALL_SEATS = 600;
/** How long a request waits in a queue: a quarter of a request's time, as Kubernetes has it. */
const PATIENCE_MS = 15_000;

/** A schema that is used: its level exists. */
interface Flow {
  readonly schema: FlowSchema;
  readonly level: PriorityLevel;
  readonly headers: Readonly<Record<string, string>>;
}

/** A request's place: release() must be called when it is served. */
export interface Seat {
  release(): void;
}

export class FlowControl {
  readonly #levels = new Map<string, PriorityLevel>();
  #flows: readonly Flow[] | undefined;
  #waiting = 0;

  /** @param options for tests: how many seats there are, and how long (in milliseconds) one is waited for */
  constructor(
    private readonly client: ClusterClient,
    private readonly options: { seats: number; patienceMs: number } = { seats: ALL_SEATS, patienceMs: PATIENCE_MS },
  ) {
    const changed = () => {
      this.#flows = undefined;
      if (this.#waiting > 0) queueMicrotask(() => this.#admitWaiting());
    };
    const handler = { added: changed, updated: changed, deleted: changed };
    client.informer(FLOW_SCHEMAS).subscribe(handler);
    client.informer(PRIORITY_LEVEL_CONFIGURATIONS).subscribe(handler);
  }

  /**
   * A seat for the request: at once when there is one (no promise is made then), or when its turn has come.
   * @param tell told of the headers that go with the answer, be it a refusal: they name the schema and the level
   * @throws StatusError TooManyRequests
   */
  enter(
    user: User,
    request: FlowRequest,
    signal: AbortSignal,
    tell: (headers: Readonly<Record<string, string>>) => void,
  ): Seat | Promise<Seat> {
    this.#flows ??= this.#readFlows();
    // The last of the mandatory schemas takes everything.
    const flow = this.#flows.find(({ schema }) => schemaMatches(schema, user, request)) ?? this.#flows.at(-1)!;
    tell(flow.headers);
    if (flow.level.isExempt) return NO_SEAT;
    if (flow.level.waiting === 0 && this.#hasSeat(flow.level)) {
      flow.level.sit();
      return this.#seatAt(flow);
    }
    return this.#waitFor(flow, user, request, signal);
  }

  async #waitFor(flow: Flow, user: User, request: FlowRequest, signal: AbortSignal): Promise<Seat> {
    const { schema, level } = flow;
    this.#waiting++;
    try {
      const name = `${schema.metadata.name}\n${distinguisherOf(schema, user, request)}`;
      await level.queue(name, this.options.patienceMs, signal);
    } finally {
      this.#waiting--;
    }
    return this.#seatAt(flow);
  }

  #seatAt({ level }: Flow): Seat {
    let isTaken = true;
    return {
      release: () => {
        if (!isTaken) return;
        isTaken = false;
        level.stand();
        if (this.#waiting > 0) this.#admitWaiting();
      },
    };
  }

  /** One of the level's own, or one that others lend. */
  #hasSeat(level: PriorityLevel): boolean {
    const { nominal, borrowable } = level.seats;
    if (level.inUse < nominal) return true;
    if (level.inUse - nominal >= borrowable) return false;
    let free = 0;
    for (const { seats, inUse } of this.#levels.values()) {
      free += Math.min(seats.lendable, Math.max(0, seats.nominal - inUse)) - Math.max(0, inUse - seats.nominal);
    }
    return free > 0;
  }

  #admitWaiting(): void {
    this.#flows ??= this.#readFlows();
    for (const level of this.#levels.values()) {
      while (level.waiting > 0 && (level.isExempt || this.#hasSeat(level))) if (!level.admitNext()) break;
    }
  }

  /** Schemas in their order with their levels; levels keep who sits and waits there when they change. */
  #readFlows(): Flow[] {
    const configurations = withMandatory(this.client, PRIORITY_LEVEL_CONFIGURATIONS, DEFAULT_PRIORITY_LEVELS);
    const shares = seatsOfLevels(configurations, this.options.seats);
    const uids = new Map<string, string>();
    for (const { metadata, spec } of configurations) {
      const name = metadata.name ?? "";
      const level = this.#levels.get(name) ?? new PriorityLevel();
      level.configure(spec, shares.get(name)!);
      this.#levels.set(name, level);
      uids.set(name, metadata.uid ?? "");
    }
    for (const [name, level] of this.#levels) {
      // Who is still in a level that is gone is served by what it had.
      if (!uids.has(name) && level.inUse === 0 && level.waiting === 0) this.#levels.delete(name);
    }
    const schemas = inMatchingOrder(withMandatory(this.client, FLOW_SCHEMAS, DEFAULT_FLOW_SCHEMAS));
    return schemas.flatMap((schema) => {
      const name = schema.spec?.priorityLevelConfiguration.name ?? "";
      const uid = uids.get(name);
      if (uid === undefined) return [];
      const headers = {
        "X-Kubernetes-PF-FlowSchema-UID": schema.metadata.uid ?? "",
        "X-Kubernetes-PF-PriorityLevel-UID": uid,
      };
      return [{ schema, level: this.#levels.get(name)!, headers }];
    });
  }
}

/** Of requests that are not counted. */
const NO_SEAT: Seat = { release() {} };

/** The objects that are there, and in place of mandatory ones that are missing at this moment what they will be. */
function withMandatory<T extends KubeObject>(
  client: ClusterClient,
  type: ResourceType<T>,
  defaults: readonly T[],
): readonly T[] {
  const informer = client.informer(type);
  const missing = defaults.filter(
    ({ metadata }) => isMandatory(metadata.name) && informer.get(undefined, metadata.name!) === undefined,
  );
  return [...informer.list(), ...missing];
}
