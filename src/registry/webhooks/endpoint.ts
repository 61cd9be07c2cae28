/** An endpoint of events as the configuration describes it. */
import { NaruError } from "../../lib/errors.ts";
import { CACHE_USER } from "../cache/cached-manifests.ts";
import { asText, type SettingReader, wrong } from "../config/setting-reader.ts";
import type { RegistryEvent } from "../contract.ts";
import { anyOf, type NamePattern, parsePattern } from "../repository-pattern.ts";

const ACTIONS = ["push", "pull", "delete", "mount"] as const;
const DEFAULT_TIMEOUT_MS = 5000;

export interface WebhookEndpoint {
  /** Of its queue's folder and in metrics. */
  name: string;
  url: string;
  headers: Record<string, string>;
  timeoutMs: number;
  actions: ReadonlySet<string>;
  repositories: NamePattern;
  /** Events of these media types are left out. */
  ignoredTypes: ReadonlySet<string>;
}

/** @throws {NaruError} invalid naming the key */
export function parseEndpoint(section: SettingReader): WebhookEndpoint {
  const url = section.required("url", asUrl);
  const name = section.text("name") ?? new URL(url).host.replace(/[^A-Za-z0-9._-]+/g, "-");
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
    throw wrong(section.pathOf("name"), name, "letters, digits, dots, dashes");
  }
  const headers = section.section("headers");
  const endpoint = {
    name,
    url,
    headers: Object.fromEntries(headers.keys().map((key) => [key, headers.text(key) ?? ""])),
    timeoutMs: section.duration("timeout") ?? DEFAULT_TIMEOUT_MS,
    actions: new Set(section.optional("actions", asActions) ?? ACTIONS),
    repositories: anyOf((section.texts("repositories") ?? ["**"]).map(parsePattern)),
    ignoredTypes: new Set(section.texts("ignoreMediaTypes") ?? []),
  };
  section.done();
  return endpoint;
}

/** @throws {NaruError} invalid when two endpoints would share a queue */
export function checkNames(endpoints: readonly WebhookEndpoint[]): void {
  const names = new Set<string>();
  for (const { name } of endpoints) {
    if (names.has(name))
      throw new NaruError("invalid", `webhooks: two endpoints are called ${name}; give one another name`);
    names.add(name);
  }
}

export function wants(endpoint: WebhookEndpoint, { action, repository, target, actor }: RegistryEvent): boolean {
  // What the cache stores by itself nobody pushed.
  if (actor.user === CACHE_USER) return false;
  return (
    endpoint.actions.has(action) && endpoint.repositories(repository) && !endpoint.ignoredTypes.has(target.mediaType)
  );
}

function asUrl(value: unknown, path: string): string {
  const text = asText(value, path);
  if (!URL.canParse(text) || !/^https?:\/\//.test(text)) throw wrong(path, value, "an http:// or https:// address");
  return text;
}

function asActions(value: unknown, path: string): string[] {
  const list = Array.isArray(value) ? value : [value];
  return list.map((word) => {
    const action = ACTIONS.find((known) => known === word);
    if (action === undefined) throw wrong(path, word, `any of ${ACTIONS.join(", ")}`);
    return action;
  });
}
