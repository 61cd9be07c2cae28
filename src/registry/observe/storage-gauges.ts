/** Gauges that are counted when somebody looks: storage, uploads, quotas, webhooks. */
import type { QuotaCatalog } from "../quota/quota-catalog.ts";
import type { Webhooks } from "../webhooks/webhooks.ts";
import type { MetricSet } from "./prometheus.ts";

const FRESH_MS = 60_000;

/** What the core knows of its storage. */
export interface StorageFacts {
  /** Bytes of all blobs and manifests. */
  storedBytes(): Promise<number>;
  /** False or a failure: what the registry keeps cannot be reached. */
  isThere(): Promise<boolean>;
  uploadsUnderWay(): Promise<number>;
  repositories(): Promise<number>;
  /** Runs of the garbage collection and bytes that they freed, since the start. */
  collections(): { runs: number; freedBytes: number };
}

export function addStorageGauges(
  set: MetricSet,
  storage: StorageFacts,
  quotas: QuotaCatalog | undefined,
  webhooks: Webhooks | undefined,
): void {
  // A walk over all objects: not with every look.
  const storedBytes = atMostEvery(FRESH_MS, () => storage.storedBytes());
  set.gauge("naru_registry_storage_bytes", "Bytes of all blobs and manifests.", async () => [
    [{}, await storedBytes()],
  ]);
  set.gauge("naru_registry_uploads", "Uploads that have begun and not ended.", async () => [
    [{}, await storage.uploadsUnderWay()],
  ]);
  set.gauge("naru_registry_repositories", "Repositories.", async () => [[{}, await storage.repositories()]]);
  set.gauge("naru_registry_gc_runs", "Garbage collections since the start.", async () => [
    [{}, storage.collections().runs],
  ]);
  set.gauge("naru_registry_gc_freed_bytes", "Bytes they freed.", async () => [[{}, storage.collections().freedBytes]]);
  if (quotas !== undefined) addQuotaGauges(set, quotas);
  if (webhooks !== undefined) addWebhookGauges(set, webhooks);
}

function addQuotaGauges(set: MetricSet, quotas: QuotaCatalog): void {
  set.gauge("naru_registry_quota_used_bytes", "Bytes that count against a quota.", async () =>
    (await quotas.usage()).map(({ quota, bytes }) => [{ repositories: quota.name }, bytes]),
  );
  set.gauge("naru_registry_quota_bytes", "Bytes that a quota allows.", async () =>
    (await quotas.usage()).map(({ quota }) => [{ repositories: quota.name }, quota.maxBytes]),
  );
}

function addWebhookGauges(set: MetricSet, webhooks: Webhooks): void {
  set.gauge("naru_registry_webhook_waiting", "Events that an endpoint has not taken yet.", async () =>
    webhooks.status.map(({ endpoint, waiting }) => [{ endpoint }, waiting]),
  );
  set.gauge("naru_registry_webhook_up", "1 when the endpoint took what it was sent last.", async () =>
    webhooks.status.map(({ endpoint, failure }) => [{ endpoint }, failure === undefined ? 1 : 0]),
  );
}

function atMostEvery(milliseconds: number, read: () => Promise<number>): () => Promise<number> {
  let last: { at: number; value: Promise<number> } | undefined;
  return () => {
    if (last === undefined || performance.now() - last.at > milliseconds)
      last = { at: performance.now(), value: read() };
    return last.value;
  };
}
