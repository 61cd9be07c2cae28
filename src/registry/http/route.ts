/** Which resource a path of the distribution API names (endpoints.csv of the specification). */
import { RegistryError } from "../registry-error.ts";

export type RegistryRoute =
  | { kind: "base" | "catalog" | "collection" | "repositories" }
  | { kind: "tags" | "uploads" | "repository"; name: string }
  | { kind: "known-chunks"; name: string }
  | { kind: "chunk-list"; name: string; digest: string }
  | { kind: "manifest"; name: string; reference: string }
  | { kind: "blob" | "referrers"; name: string; digest: string }
  | { kind: "upload"; name: string; id: string };

/** `_naru` can be no repository: names begin with a letter or digit. */
const FIXED: Record<string, RegistryRoute> = {
  "/v2": { kind: "base" },
  "/v2/": { kind: "base" },
  "/v2/_catalog": { kind: "catalog" },
  "/v2/_naru/collection": { kind: "collection" },
  "/v2/_naru/repositories": { kind: "repositories" },
};

const PATTERNS: readonly [RegExp, (name: string, last: string) => RegistryRoute][] = [
  [/^\/v2\/_naru\/repositories\/(.+)$/, (name) => ({ kind: "repository", name })],
  [/^\/v2\/(.+)\/_naru\/chunks$/, (name) => ({ kind: "known-chunks", name })],
  [/^\/v2\/(.+)\/_naru\/chunks\/([^/]+)$/, (name, digest) => ({ kind: "chunk-list", name, digest })],
  [/^\/v2\/(.+)\/tags\/list$/, (name) => ({ kind: "tags", name })],
  [/^\/v2\/(.+)\/manifests\/([^/]+)$/, (name, reference) => ({ kind: "manifest", name, reference })],
  [/^\/v2\/(.+)\/referrers\/([^/]+)$/, (name, digest) => ({ kind: "referrers", name, digest })],
  [/^\/v2\/(.+)\/blobs\/uploads\/?$/, (name) => ({ kind: "uploads", name })],
  [/^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/, (name, id) => ({ kind: "upload", name, id })],
  [/^\/v2\/(.+)\/blobs\/([^/]+)$/, (name, digest) => ({ kind: "blob", name, digest })],
];

/** Undefined for a path that is not the API's. @throws NAME_INVALID for text that cannot be decoded */
export function parseRoute(path: string): RegistryRoute | undefined {
  const fixed = FIXED[path];
  if (fixed !== undefined) return fixed;
  for (const [pattern, make] of PATTERNS) {
    const match = pattern.exec(path);
    if (match) return make(decode(match[1]!), decode(match[2] ?? ""));
  }
  return undefined;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new RegistryError("NAME_INVALID", "the address cannot be decoded", { cause });
  }
}
