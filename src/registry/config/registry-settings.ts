/**
 * The configuration of everything around the registry's core, out of a YAML file (docs/registry.md has one with every key).
 * Settings of the server itself (address, root, storage) are handed on as text, for the command line to merge.
 */

import { NaruError } from "../../lib/errors.ts";
import { clientAddressReader } from "../access/client-address.ts";
import type { EvictionLimits } from "../cache/eviction.ts";
import { parseUpstream, type Upstream, Upstreams } from "../cache/upstreams.ts";
import { parseQuota, type Quota } from "../quota/quotas.ts";
import { parseRetentionRule, type RetentionRule } from "../retention/rules.ts";
import { checkNames, parseEndpoint, type WebhookEndpoint } from "../webhooks/endpoint.ts";
import { type AccessSettings, parseAccess, type WhoMayEnter } from "./access-settings.ts";
import { asText, SettingReader, wrong } from "./setting-reader.ts";

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
  /** Proxies that say whom they speak for. */
  clientAddress: (peer: string, forwardedFor: string | null) => string;
  tls: TlsSettings | undefined;
  /** Of metrics, health and retention; undefined: metrics and health on the main address. */
  debugAddr: { host: string; port: number } | undefined;
  access: WhoMayEnter;
  cache: {
    upstreams: Upstreams;
    limits: EvictionLimits;
    /** Upstreams that are reached without TLS, or whatever their certificate. */
    insecure: string[];
  };
  quotas: Quota[];
  retention: { everyMs: number; rules: RetentionRule[] };
  webhooks: WebhookEndpoint[];
  page: boolean;
}

/** Keys of the file that are flags of `naru registry serve` as well: addr, root, storage, … by flag. */
type ServeValues = Record<string, string>;

const SERVE_KEYS: Readonly<Record<string, string>> = {
  addr: "addr",
  root: "root",
  storage: "storage",
  fsync: "fsync",
  gcInterval: "gc-interval",
  gcGrace: "gc-grace",
  gcUploads: "gc-uploads",
  gcUntagged: "gc-untagged",
  s3Endpoint: "s3-endpoint",
  s3Region: "s3-region",
  s3Style: "s3-style",
  s3Redirect: "s3-redirect",
  shutdownTimeout: "shutdown-timeout",
  logLevel: "log-level",
  logFormat: "log-format",
};

/** @throws {NaruError} invalid naming the key, what was found and what is allowed */
export function parseRegistrySettings(file: SettingReader): { settings: RegistrySettings; serve: ServeValues } {
  const serve: ServeValues = {};
  for (const [key, flag] of Object.entries(SERVE_KEYS)) {
    const value = file.optional(key, asFlagText);
    if (value !== undefined) serve[flag] = value;
  }
  const webhooks = file.sections("webhooks").map(parseEndpoint);
  checkNames(webhooks);
  const settings: RegistrySettings = {
    externalUrl: file.optional("externalUrl", asUrl),
    clientAddress: clientAddressReader(file.texts("proxies") ?? []),
    tls: file.has("tls") ? parseTls(file.section("tls")) : undefined,
    debugAddr: file.optional("debugAddr", asAddress),
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

/** Nothing set: an open registry without TLS. */
export function defaultRegistrySettings(): RegistrySettings {
  return parseRegistrySettings(SettingReader.of({})).settings;
}

/** Flags of `naru registry serve` that stand for keys of the file. */
export const SURROUNDING_FLAGS = [
  { name: "tls-cert", value: "FILE", summary: "Certificate (PEM); read again when it changes" },
  { name: "tls-key", value: "FILE", summary: "Its key" },
  { name: "tls-client-ca", value: "FILE", summary: "Let in only clients with a certificate of this authority" },
  { name: "tls-self-signed", value: "HOST[,HOST…]", summary: "Make a certificate for these names and addresses" },
  { name: "htpasswd", value: "FILE", summary: "Users and their passwords (htpasswd -B); nobody else gets in" },
  { name: "rights", value: "FILE", summary: "Who may do what (YAML); without it users may do everything" },
  { name: "anonymous-pull", value: "yes|no", summary: "With --htpasswd: pulls need no login" },
  { name: "external-url", value: "URL", summary: "The address that clients use, behind a proxy" },
  { name: "debug-addr", value: "HOST:PORT", summary: "Metrics, health and retention on an address of their own" },
  { name: "page", value: "yes|no", summary: "The web page (default yes)" },
] as const;

/** @throws {NaruError} invalid naming the flag */
export function withSurroundingFlags(
  settings: RegistrySettings,
  flags: Readonly<Record<string, string | undefined>>,
): RegistrySettings {
  const tls = tlsOfFlags(flags, settings.tls);
  const page = flags.page === undefined ? settings.page : isYes("--page", flags.page);
  const externalUrl = flags["external-url"];
  const debugAddr = flags["debug-addr"];
  return {
    ...settings,
    tls,
    page,
    access: accessOfFlags(flags, settings.access),
    externalUrl: externalUrl === undefined ? settings.externalUrl : asUrl(externalUrl, "--external-url"),
    debugAddr: debugAddr === undefined ? settings.debugAddr : asAddress(debugAddr, "--debug-addr"),
  };
}

function tlsOfFlags(flags: Readonly<Record<string, string | undefined>>, file: TlsSettings | undefined) {
  const [certificate, key, clientCa] = [flags["tls-cert"], flags["tls-key"], flags["tls-client-ca"]];
  const selfSigned = flags["tls-self-signed"]?.split(",").filter(Boolean);
  if (certificate === undefined && key === undefined && clientCa === undefined && selfSigned === undefined) return file;
  const isNewPair = certificate !== undefined || key !== undefined || selfSigned !== undefined;
  const tls: TlsSettings = {
    certificate: isNewPair ? certificate : file?.certificate,
    key: isNewPair ? key : file?.key,
    selfSigned: isNewPair ? selfSigned : file?.selfSigned,
    clientCa: clientCa ?? file?.clientCa,
  };
  checkTls(tls);
  return tls;
}

function accessOfFlags(flags: Readonly<Record<string, string | undefined>>, file: WhoMayEnter): WhoMayEnter {
  const { htpasswd, rights } = flags;
  const anonymous = flags["anonymous-pull"];
  if (htpasswd === undefined && rights === undefined && anonymous === undefined) return file;
  if (file.kind === "outside") {
    throw new NaruError(
      "invalid",
      "--htpasswd, --rights and --anonymous-pull do not go with access.outsideTokens of the file",
    );
  }
  const fromFile = file.kind === "own" ? file.own : undefined;
  const merged = parseAccess(
    SettingReader.of(
      {
        htpasswd: htpasswd ?? fromFile?.htpasswd,
        rights: rights ?? fromFile?.rights,
        anonymousPull: anonymous === undefined ? undefined : isYes("--anonymous-pull", anonymous),
      },
      "access",
    ),
  );
  return merged.kind === "own" && fromFile !== undefined
    ? { kind: "own", own: { ...fromFile, ...pickFiles(merged.own) } }
    : merged;
}

function pickFiles({ htpasswd, rights, anonymousPull }: AccessSettings) {
  return { htpasswd, rights, anonymousPull };
}

function isYes(flag: string, text: string): boolean {
  if (text === "yes" || text === "no") return text === "yes";
  throw new NaruError("invalid", `${flag} ${text}: choose one of yes, no`);
}

function asUrl(value: unknown, path: string): string {
  const text = asText(value, path);
  if (!/^https?:\/\/[^/\s?#]+\/?$/.test(text)) throw wrong(path, text, "https://HOST or https://HOST:PORT");
  return text.replace(/\/$/, "");
}

function asAddress(value: unknown, path: string): { host: string; port: number } {
  const text = asText(value, path);
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:/]*)):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[3]) > 65535) throw wrong(path, text, "HOST:PORT, as in 127.0.0.1:5001");
  return { host: match[1] ?? (match[2] || "127.0.0.1"), port: Number(match[3]) };
}

/** Flags that are yes or no may be true or false in the file. */
function asFlagText(value: unknown, path: string): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return asText(value, path);
}

function parseTls(section: SettingReader): TlsSettings {
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
function checkTls({ certificate, key, selfSigned }: TlsSettings): void {
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
  const insecure = section.texts("insecure") ?? [];
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
  return { upstreams: new Upstreams(upstreams), limits, insecure };
}

function parseRetention(section: SettingReader): RegistrySettings["retention"] {
  const everyMs = section.duration("every") ?? DEFAULT_RETENTION_MS;
  const rules = section.sections("rules").map(parseRetentionRule);
  section.done();
  if (everyMs < 1000) throw new NaruError("invalid", "retention.every is too short; write at least 1s");
  return { everyMs, rules };
}
