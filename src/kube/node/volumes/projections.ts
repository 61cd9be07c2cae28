/** Volumes whose files come from the API: configMap, secret, downwardAPI and projected, brought into one form. Pure. */

import type { DownwardAPIVolumeFile, KeyToPath, Volume } from "../../../model/kubernetes/core.ts";

export type ProjectionSource =
  | { kind: "configmap" | "secret"; name: string; items: readonly KeyToPath[] | undefined; optional: boolean }
  | { kind: "downward"; items: readonly DownwardAPIVolumeFile[] }
  | { kind: "token"; audience: string | undefined; expirationSeconds: number; path: string }
  | { kind: "unsupported"; what: string };

export interface Projection {
  /** Of files that name none. */
  mode: number;
  sources: readonly ProjectionSource[];
}

const DEFAULT_MODE = 0o644;
const DEFAULT_TOKEN_SECONDS = 3600;

/** Undefined for a volume of another kind. */
export function projectionOf({ configMap, secret, downwardAPI, projected }: Volume): Projection | undefined {
  if (configMap) {
    const { name = "", items, optional = false, defaultMode = DEFAULT_MODE } = configMap;
    return { mode: defaultMode, sources: [{ kind: "configmap", name, items, optional }] };
  }
  if (secret) {
    const { secretName: name = "", items, optional = false, defaultMode = DEFAULT_MODE } = secret;
    return { mode: defaultMode, sources: [{ kind: "secret", name, items, optional }] };
  }
  if (downwardAPI) {
    const { items = [], defaultMode = DEFAULT_MODE } = downwardAPI;
    return { mode: defaultMode, sources: [{ kind: "downward", items }] };
  }
  if (projected === undefined) return undefined;
  const sources = (projected.sources ?? []).map((source): ProjectionSource => {
    const { configMap: map, secret: hidden, downwardAPI: downward, serviceAccountToken: token } = source;
    if (map) return { kind: "configmap", name: map.name ?? "", items: map.items, optional: map.optional ?? false };
    if (hidden)
      return { kind: "secret", name: hidden.name ?? "", items: hidden.items, optional: hidden.optional ?? false };
    if (downward) return { kind: "downward", items: downward.items ?? [] };
    if (token) {
      const { audience, expirationSeconds = DEFAULT_TOKEN_SECONDS, path } = token;
      return { kind: "token", audience, expirationSeconds, path };
    }
    return { kind: "unsupported", what: Object.keys(source)[0] ?? "unknown" };
  });
  return { mode: projected.defaultMode ?? DEFAULT_MODE, sources };
}
