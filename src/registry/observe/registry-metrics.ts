/** What the registry tells Prometheus about itself. */
import type { CacheOutcome } from "../cache/cached-manifests.ts";
import type { AnsweredRequest, RegistryEvent } from "../contract.ts";
import { MetricSet } from "./prometheus.ts";

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Methods that exist; anything else a client may invent is one series. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

export class RegistryMetrics {
  readonly set = new MetricSet();
  readonly #requests = this.set.counter("naru_registry_http_requests_total", "Answered requests.");
  readonly #durations = this.set.histogram(
    "naru_registry_http_request_duration_seconds",
    "Time until an answer began.",
    SECONDS,
  );
  readonly #received = this.set.counter("naru_registry_http_received_bytes_total", "Bytes of request bodies.");
  readonly #sent = this.set.counter("naru_registry_http_sent_bytes_total", "Bytes of answers' bodies.");
  readonly #events = this.set.counter("naru_registry_events_total", "Pushes, pulls, deletions and mounts.");
  readonly #cache = this.set.counter(
    "naru_registry_cache_requests_total",
    "Requests to copies of upstreams, by outcome.",
  );
  readonly #cacheBytes = this.set.counter("naru_registry_cache_bytes_total", "Bytes of those, by outcome.");
  readonly #refusedLogins = this.set.counter("naru_registry_refused_logins_total", "Wrong passwords.");
  readonly #webhooks = this.set.counter("naru_registry_webhook_deliveries_total", "Attempts to deliver events.");
  readonly #retention = this.set.counter(
    "naru_registry_retention_removed_total",
    "Tags and manifests that rules removed.",
  );

  answered({ method, route, status, durationMs, bytesIn, bytesOut }: AnsweredRequest): void {
    const labels = { method: METHODS.has(method) ? method : "other", route };
    this.#requests.add({ ...labels, status: String(status) });
    this.#durations.observe(labels, durationMs / 1000);
    if (bytesIn > 0) this.#received.add({ route }, bytesIn);
    if (bytesOut > 0) this.#sent.add({ route }, bytesOut);
  }
  happened({ action }: RegistryEvent): void {
    this.#events.add({ action });
  }
  cached(what: "manifest" | "blob", outcome: CacheOutcome, bytes: number): void {
    this.#cache.add({ what, outcome });
    if (bytes > 0) this.#cacheBytes.add({ what, outcome }, bytes);
  }
  loginRefused(): void {
    this.#refusedLogins.add({});
  }
  delivered(endpoint: string, outcome: "delivered" | "failed"): void {
    this.#webhooks.add({ endpoint, outcome });
  }
  removed(what: "tag" | "manifest"): void {
    this.#retention.add({ what });
  }
}
