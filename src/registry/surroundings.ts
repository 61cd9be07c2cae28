/**
 * Everything around the registry's core, put together: access, cache, quotas, webhooks, retention, metrics, web page. The
 * catalog is wrapped from the inside out: cache, quotas, webhooks; what retention and eviction do goes to the core itself.
 */

import { join } from "node:path";
import type { RegistryClient } from "../distribution/contract.ts";
import { errorText } from "../lib/errors.ts";
import { type Accounts, openAccess } from "./access/open-access.ts";
import { CacheEviction } from "./cache/cache-eviction.ts";
import { CachedCatalog } from "./cache/cached-catalog.ts";
import { UseRecord } from "./cache/use-record.ts";
import type { RegistrySettings } from "./config/registry-settings.ts";
import type { RegistryCatalog, RegistrySurroundings, RequestOrigin } from "./contract.ts";
import { type DebugPaths, debugPaths } from "./observe/debug-paths.ts";
import { RegistryMetrics } from "./observe/registry-metrics.ts";
import { addStorageGauges, type StorageFacts } from "./observe/storage-gauges.ts";
import { WebPage } from "./page/web-page.ts";
import { PeriodicRun } from "./periodic-run.ts";
import { QuotaCatalog } from "./quota/quota-catalog.ts";
import { RetentionAddress } from "./retention/retention-address.ts";
import { retentionRun } from "./retention/retention-run.ts";
import { ToldCatalog } from "./webhooks/told-catalog.ts";
import { Webhooks } from "./webhooks/webhooks.ts";

interface SurroundingsContext {
  /** Local directory: keys, queues, downloads under way. */
  root: string;
  catalog: RegistryCatalog;
  /** Reaches upstreams. */
  client: RegistryClient;
  storage: StorageFacts;
  log: {
    info(message: string, fields?: Record<string, unknown>): void;
    warn(message: string, fields?: Record<string, unknown>): void;
  };
  /** The scheme and address of the main listener, for events and where no request says better. */
  listenUrl(): string;
}

interface OpenedSurroundings {
  /** What the routes work with. */
  catalog: RegistryCatalog;
  surroundings: RegistrySurroundings;
  /** The paths of the debug address. */
  debug: DebugPaths;
  stop(): Promise<void>;
}

/** @throws {NaruError} invalid naming the file or key that cannot be used */
export async function openSurroundings(
  settings: RegistrySettings,
  context: SurroundingsContext,
): Promise<OpenedSurroundings> {
  const { root, log } = context;
  await using undo = new AsyncDisposableStack();
  const metrics = new RegistryMetrics();
  const warn = (message: string, fields: Record<string, unknown>) => log.warn(message, fields);
  const externalUrl = (origin: RequestOrigin) => settings.externalUrl ?? `${origin.scheme}://${origin.host}`;
  const access = await openAccess(settings.access, {
    root,
    externalUrl,
    warn,
    loginRefused: () => metrics.loginRefused(),
  });
  const cached = await openCache(settings, context, metrics, undo);
  const quotas = openQuotas(settings, cached);
  quotas?.warm().catch((error) => log.warn("counting for the quotas failed", { reason: errorText(error) }));
  const webhooks = await openWebhooks(settings, context, metrics, undo);
  const limited = quotas ?? cached;
  const catalog = webhooks === undefined ? limited : new ToldCatalog(limited, webhooks);
  context.catalog.subscribe((event) => metrics.happened(event));
  addStorageGauges(metrics.set, context.storage, quotas, webhooks);
  if (settings.retention.rules.length > 0) await startRetention(settings, context, metrics, undo);
  const retention = new RetentionAddress({
    catalog: context.catalog,
    rules: settings.retention.rules,
    access: access.control,
    run: () => retentionRun(context.catalog, settings.retention.rules, { log, metrics }),
  });
  const debug = debugPaths({
    metrics,
    catalog: context.catalog,
    storage: context.storage,
    rules: settings.retention.rules,
    log,
  });
  const copyOf = (repository: string) => settings.cache.upstreams.find(repository)?.upstream.host;
  // With an outside token service nobody can log in at the page, and it must not show what they may not see.
  const hasPage = settings.page && settings.access.kind !== "outside";
  // The page reads what is here: looking at it must not make an upstream's requests or count as use.
  const shown = webhooks === undefined ? context.catalog : new ToldCatalog(context.catalog, webhooks);
  const page = hasPage ? new WebPage({ catalog: shown, accounts: access.accounts, externalUrl, copyOf }) : undefined;
  const surroundings: RegistrySurroundings = {
    access: access.control,
    clientAddress: settings.clientAddress,
    storedName: (repository, upstream) => settings.cache.upstreams.storedName(repository, upstream),
    otherPaths: otherPaths({
      accounts: access.accounts,
      debug,
      retention,
      page,
      showsMetrics: settings.debugAddr === undefined && settings.access.kind === "everyone",
    }),
    observe: (answered) => metrics.answered(answered),
  };
  const opened = undo.move();
  return { catalog, surroundings, debug, stop: () => opened.disposeAsync() };
}

/** Copies of upstreams have a limit of their own, and do not use up what pushes may take. */
function openQuotas({ quotas, cache }: RegistrySettings, catalog: RegistryCatalog): QuotaCatalog | undefined {
  if (quotas.length === 0) return undefined;
  const isCopy = (repository: string) => cache.upstreams.find(repository) !== undefined;
  const own = quotas.map((quota) => ({
    ...quota,
    repositories: (repository: string) => quota.repositories(repository) && !isCopy(repository),
  }));
  return new QuotaCatalog(catalog, own);
}

async function openCache(
  settings: RegistrySettings,
  { root, catalog, client, log }: SurroundingsContext,
  metrics: RegistryMetrics,
  undo: AsyncDisposableStack,
): Promise<RegistryCatalog> {
  const { upstreams, limits } = settings.cache;
  if (upstreams.list.length === 0) return catalog;
  const use = await UseRecord.open(join(root, "cache", "use.json"));
  undo.defer(() => use.close());
  const eviction = new CacheEviction({ catalog, upstreams, use, limits, log });
  await eviction.start();
  undo.defer(() => eviction.stop());
  return await CachedCatalog.open({
    inner: catalog,
    client,
    upstreams,
    use,
    fillDir: join(root, "cache", "fill"),
    log,
    count: (what, outcome, bytes) => {
      metrics.cached(what, outcome, bytes);
      if (outcome === "miss") eviction.stored(bytes);
    },
  });
}

async function openWebhooks(
  settings: RegistrySettings,
  { root, catalog, log, listenUrl }: SurroundingsContext,
  metrics: RegistryMetrics,
  undo: AsyncDisposableStack,
): Promise<Webhooks | undefined> {
  if (settings.webhooks.length === 0) return undefined;
  const webhooks = await Webhooks.open(settings.webhooks, root, () => settings.externalUrl ?? listenUrl(), {
    warn: (message, fields) => log.warn(message, fields),
    delivered: (endpoint, outcome) => metrics.delivered(endpoint, outcome),
  });
  undo.defer(() => webhooks.stop());
  webhooks.listenTo(catalog);
  return webhooks;
}

async function startRetention(
  { retention }: RegistrySettings,
  { root, catalog, log }: SurroundingsContext,
  metrics: RegistryMetrics,
  undo: AsyncDisposableStack,
): Promise<void> {
  const run = async (signal: AbortSignal) => {
    await retentionRun(catalog, retention.rules, { signal, log, metrics });
  };
  const record = join(root, "retention", "last-run");
  const schedule = new PeriodicRun(record, retention.everyMs, run, (message, fields) => log.warn(message, fields));
  await schedule.start();
  undo.defer(() => schedule.stop());
}

function otherPaths(parts: {
  accounts: Accounts | undefined;
  debug: DebugPaths;
  retention: RetentionAddress;
  page: WebPage | undefined;
  showsMetrics: boolean;
}): NonNullable<RegistrySurroundings["otherPaths"]> {
  return async (request, origin) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/healthz" || (pathname === "/metrics" && parts.showsMetrics)) return await parts.debug(request);
    if (pathname === "/v2/_naru/retention") return await parts.retention.answer(request, origin);
    if (parts.accounts !== undefined && pathname === "/token") {
      return await parts.accounts.tokenService.answer(request, origin);
    }
    if (parts.accounts !== undefined && pathname === "/token/jwks.json")
      return Response.json(parts.accounts.key.keySet);
    return await parts.page?.answer(request, origin);
  };
}
