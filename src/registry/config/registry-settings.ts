/**
 * The configuration of everything around the registry's core, out of a YAML file (docs/registry.md has one with every key).
 * Settings of the server itself (address, root, storage) are handed on as text, for the command line to merge.
 */

import { NaruError } from "../../lib/errors.ts";
import type { EvictionLimits } from "../cache/eviction.ts";
import { parseUpstream, type Upstream, Upstreams } from "../cache/upstreams.ts";
import { parseQuota, type Quota } from "../quota/quotas.ts";
import { parseRetentionRule, type RetentionRule } from "../retention/rules.ts";
import { checkNames, parseEndpoint, type WebhookEndpoint } from "../webhooks/endpoint.ts";
import { parseAccess, type WhoMayEnter } from "./access-settings.ts";
import type { SettingReader } from "./setting-reader.ts";

const DEFAULT_RETENTION_MS = 86_400_000;

export interface TlsSettings {
  /** PEM files. Undefined with selfSigned. */
  certificate: string | undefined;
  key: string | undefined;
  /** Clients need a certificate of this authority. */
  clientCa: string | undefined;
  /** Make a pair for these names and addresses under the root. */
  selfSigned: string[] | undefined;
}

export interface RegistrySettings {
  /** As clients reach the registry; undefined: by the Host header of each request. */
  externalUrl: string | undefined;
  tls: TlsSettings | undefined;
  /** HOST:PORT of metrics and health; undefined: on the main address. */
  debugAddr: string | undefined;
  access: WhoMayEnter;
  cache: { upstreams: Upstreams; limits: EvictionLimits };
  quotas: Quota[];
  retention: { everyMs: number; rules: RetentionRule[] };
  webhooks: WebhookEndpoint[];
  page: boolean;
}

/** Keys of the file that are flags of `naru registry serve` as well: addr, root, storage, … by flag. */
export type ServeValues = Record<string, string>;

const SERVE_KEYS: Readonly<Record<string, string>> = {
  addr: "addr",
  root: "root",
  storage: "storage",
  fsync: "fsync",
  gcInterval: "gc-interval",
  gcGrace: "gc-grace",
  shutdownTimeout: "shutdown-timeout",
  logLevel: "log-level",
  logFormat: "log-format",
};

/** @throws {NaruError} invalid naming the key, what was found and what is allowed */
export function parseRegistrySettings(file: SettingReader): { settings: RegistrySettings; serve: ServeValues } {
  const serve: ServeValues = {};
  for (const [key, flag] of Object.entries(SERVE_KEYS)) {
    const value = file.text(key);
    if (value !== undefined) serve[flag] = value;
  }
  const webhooks = file.sections("webhooks").map(parseEndpoint);
  checkNames(webhooks);
  const settings: RegistrySettings = {
    externalUrl: externalUrl(file),
    tls: file.has("tls") ? parseTls(file.section("tls")) : undefined,
    debugAddr: file.text("debugAddr"),
    access: parseAccess(file.section("access")),
    cache: parseCache(file.section("cache")),
    quotas: file.sections("quotas").map(parseQuota),
    retention: parseRetention(file.section("retention")),
    webhooks,
    page: file.bool("page") ?? true,
  };
  file.done();
  return { settings, serve };
}

function externalUrl(file: SettingReader): string | undefined {
  const text = file.text("externalUrl");
  if (text === undefined) return undefined;
  if (!/^https?:\/\/[^/\s?#]+\/?$/.test(text)) {
    throw new NaruError("invalid", `externalUrl is ${JSON.stringify(text)}; write https://HOST or https://HOST:PORT`);
  }
  return text.replace(/\/$/, "");
}

export function parseTls(section: SettingReader): TlsSettings {
  const tls = {
    certificate: section.text("certificate"),
    key: section.text("key"),
    clientCa: section.text("clientCa"),
    selfSigned: section.texts("selfSigned"),
  };
  section.done();
  checkTls(tls);
  return tls;
}

/** @throws {NaruError} invalid when half of a pair is missing */
export function checkTls({ certificate, key, selfSigned }: TlsSettings): void {
  if (selfSigned !== undefined && (certificate !== undefined || key !== undefined)) {
    throw new NaruError("invalid", "tls: give either a certificate with its key, or selfSigned");
  }
  if (selfSigned === undefined && (certificate === undefined || key === undefined)) {
    throw new NaruError(
      "invalid",
      "tls needs a certificate and its key (PEM files), or selfSigned with the names of this server",
    );
  }
}

function parseCache(section: SettingReader): RegistrySettings["cache"] {
  const upstreams: Upstream[] = section.sections("upstreams").map(parseUpstream);
  const limits = { maxBytes: section.bytes("maxBytes"), maxAgeMs: section.duration("maxAge") };
  section.done();
  const prefixes = new Set<string>();
  for (const { prefix } of upstreams) {
    const other = [...prefixes].find(
      (known) => `${known}/`.startsWith(`${prefix}/`) || `${prefix}/`.startsWith(`${known}/`),
    );
    if (other !== undefined)
      throw new NaruError("invalid", `cache.upstreams: the prefixes ${other} and ${prefix} overlap`);
    prefixes.add(prefix);
  }
  return { upstreams: new Upstreams(upstreams), limits };
}

function parseRetention(section: SettingReader): RegistrySettings["retention"] {
  const everyMs = section.duration("every") ?? DEFAULT_RETENTION_MS;
  const rules = section.sections("rules").map(parseRetentionRule);
  section.done();
  if (everyMs < 1000) throw new NaruError("invalid", "retention.every is too short; write at least 1s");
  return { everyMs, rules };
}
