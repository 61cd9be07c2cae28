/** Which containers of a Compose service take connections: those that have begun to serve, and are not about to stop. */
import type { Collection } from "../store/contract.ts";
import type { SandboxRequest, Successor } from "./contract.ts";
import type { SandboxRecord } from "./network-records.ts";
import type { PortPublisher } from "./port-publisher.ts";

export class ServiceReadiness {
  readonly #records: Collection<SandboxRecord>;
  readonly #ports: PortPublisher;
  /** Containers whose health check does not say that they serve. */
  readonly #unready = new Set<string>();
  /** Containers that have not been ready yet, and those that are about to stop. */
  readonly #starting = new Set<string>();
  readonly #leaving = new Set<string>();

  constructor(records: Collection<SandboxRecord>, ports: PortPublisher) {
    this.#records = records;
    this.#ports = ports;
  }

  begin({ containerId, portSharing }: SandboxRequest): void {
    if (portSharing) this.#starting.add(containerId);
    if (portSharing?.isHealthChecked) this.#unready.add(containerId);
  }

  forget(containerId: string): void {
    for (const set of [this.#unready, this.#starting, this.#leaving]) set.delete(containerId);
  }

  /** Names that several containers have lead to those that are ready. Only containers of Compose services are ever not. */
  noteReady(containerId: string, isReady: boolean): void {
    this.#starting.delete(containerId);
    if (isReady || this.#records.get(containerId)?.portSharing === undefined) this.#unready.delete(containerId);
    else this.#unready.add(containerId);
  }

  /** Names lead to others from now on, as soon as there is one of the same service that is ready. */
  leave(containerId: string): Successor {
    const group = this.#records.get(containerId)?.portSharing?.group;
    if (group === undefined) return "none";
    this.#leaving.add(containerId);
    const others = [...this.#records.values()]
      .filter(({ portSharing }) => portSharing?.group === group)
      .map((other) => other.containerId);
    if (others.some((other) => this.isReady(other))) return "ready";
    return others.some((other) => this.#starting.has(other) && !this.#leaving.has(other)) ? "starting" : "none";
  }

  isReady(containerId: string): boolean {
    const isReady =
      !this.#unready.has(containerId) && !this.#leaving.has(containerId) && this.#ports.isReady(containerId);
    if (isReady) this.#starting.delete(containerId);
    return isReady;
  }
}
