/**
 * Ingresses served by the daemon: while there is one of class "naru", HTTP and HTTPS are listened for, and its status says
 * where. A port that cannot be had is told by an event of each ingress and tried again.
 */

import { errorText } from "../../lib/errors.ts";
import { INGRESS_CLASSES, INGRESSES, SECRETS } from "../../model/kubernetes/names.ts";
import type { Ingress } from "../../model/kubernetes/networking.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient, ClusterPart } from "../contract.ts";
import { copyOf, sameJson } from "../machinery/copy.ts";
import { createEventRecorder, type EventRecorder } from "../machinery/event-recorder.ts";
import { isStatus } from "../status.ts";
import { BackendPicker } from "./backend-picker.ts";
import { HostCertificates } from "./host-certificates.ts";
import { ensureIngressClass, isOurIngress } from "./ingress-class.ts";
import { IngressServer, type IngressServerOptions } from "./ingress-server.ts";
import { RoutingTable } from "./routing-table.ts";

interface IngressAddress {
  host: string;
  port: number;
}

interface IngressOptions {
  client: ClusterClient;
  http: IngressAddress;
  https: IngressAddress;
  /** Shown to clients whose host has no certificate. */
  fallback: IngressServerOptions["fallback"];
  /** Where others reach this machine, for the ingresses' status. */
  address(): string;
  log(message: string): void;
}

const RETRY_MS = 15_000;

export function createIngress(options: IngressOptions): ClusterPart {
  return {
    name: "ingress",
    async run(signal) {
      const { client } = options;
      const informers = [client.informer(INGRESSES), client.informer(INGRESS_CLASSES), client.informer(SECRETS)];
      await Promise.all(informers.map(({ synced }) => synced));
      await ensureIngressClass(client);
      const loop = new IngressLoop(options, createEventRecorder(client, "ingress"));
      await loop.run(signal);
    },
  };
}

class IngressLoop {
  readonly #picker: BackendPicker;
  readonly #certificates: HostCertificates;
  /** Doors that are open, by scheme. */
  readonly #doors = new Map<"http" | "https", IngressServer>();
  #table = new RoutingTable([]);
  /** Whose status says where they are served, by uid. */
  readonly #told = new Set<string>();
  #wake: () => void = () => {};
  #isDue = true;

  constructor(
    private readonly options: IngressOptions,
    private readonly events: EventRecorder,
  ) {
    this.#picker = new BackendPicker(options.client);
    this.#certificates = new HostCertificates(options.client);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { client } = this.options;
    const due = () => {
      this.#isDue = true;
      this.#wake();
    };
    const handler = { added: due, updated: due, deleted: due };
    // A secret changes what ingresses that name it are told.
    const ends = [
      client.informer(INGRESSES).subscribe(handler),
      client.informer(INGRESS_CLASSES).subscribe(handler),
      client.informer(SECRETS).subscribe(handler),
    ];
    signal.addEventListener("abort", due, { once: true });
    try {
      while (!signal.aborted) {
        this.#isDue = false;
        const isWhole = await this.#look();
        await this.#untilDue(isWhole ? undefined : RETRY_MS);
      }
    } finally {
      for (const end of ends) end();
      signal.removeEventListener("abort", due);
      this.#close();
    }
  }

  #untilDue(ms: number | undefined): Promise<void> {
    if (this.#isDue) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** False when something must be tried again although nothing changes. */
  async #look(): Promise<boolean> {
    const { client } = this.options;
    const all = client.informer(INGRESSES).list();
    const ours = all.filter((one) => one.metadata.deletionTimestamp === undefined && isOurIngress(client, one));
    this.#table = new RoutingTable(ours);
    this.#picker.forget();
    for (const { ingress, fault } of this.#certificates.follow(ours)) this.#warn(ingress, "InvalidCertificate", fault);
    if (ours.length === 0) this.#close();
    else await this.#open(ours);
    const isServed = this.#doors.has("http") || this.#doors.has("https");
    const wanted = isServed ? [{ ip: this.options.address() }] : [];
    for (const ingress of ours) await this.#tell(ingress, wanted);
    // Those that went to another class are no longer ours to speak for.
    for (const ingress of all) {
      if (!ours.includes(ingress) && this.#told.delete(ingress.metadata.uid)) await this.#tell(ingress, []);
    }
    return ours.length === 0 || this.#doors.size === 2;
  }

  async #open(ours: readonly Stored<Ingress>[]): Promise<void> {
    const { client: _, http, https, fallback, log } = this.options;
    for (const [scheme, { host, port }] of [["http", http] as const, ["https", https] as const]) {
      if (this.#doors.has(scheme)) continue;
      const server = new IngressServer(scheme, {
        route: (name, path) => this.#table.find(name, path),
        places: (target) => this.#picker.places(target),
        contextFor: (name) => this.#certificates.contextFor(name),
        fallback,
        log,
      });
      try {
        const bound = await server.listen(host, port);
        this.#doors.set(scheme, server);
        log(`ingresses are served on ${scheme}://${host}:${bound}`);
      } catch (error) {
        server.close();
        const message = `${scheme} is not served: ${errorText(error)}; choose another address with --cluster-ingress-${scheme}`;
        for (const ingress of ours) this.#warn(ingress, "NotServed", message);
      }
    }
  }

  #close(): void {
    for (const door of this.#doors.values()) door.close();
    this.#doors.clear();
  }

  #warn(object: Stored<Ingress>, reason: string, message: string): void {
    this.events.record({ type: INGRESSES, object }, "Warning", reason, message);
  }

  async #tell(ingress: Stored<Ingress>, wanted: { ip: string }[]): Promise<void> {
    if (wanted.length > 0) this.#told.add(ingress.metadata.uid);
    if (sameJson(ingress.status?.loadBalancer?.ingress ?? [], wanted)) return;
    const next = copyOf(ingress) as Ingress;
    next.status = { loadBalancer: wanted.length === 0 ? {} : { ingress: wanted } };
    try {
      await this.options.client.resource(INGRESSES).updateStatus(next);
    } catch (error) {
      // Somebody else wrote in between: the change brings another look.
      if (!isStatus(error, "Conflict", "NotFound")) throw error;
    }
  }
}
