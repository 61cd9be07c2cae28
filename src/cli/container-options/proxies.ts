import type { ConfigFile, ProxyConfig } from "../config-file.ts";
import { cut } from "../csv.ts";

const VARIABLES: readonly (readonly [name: string, setting: keyof ProxyConfig])[] = [
  ["HTTP_PROXY", "httpProxy"],
  ["HTTPS_PROXY", "httpsProxy"],
  ["NO_PROXY", "noProxy"],
  ["FTP_PROXY", "ftpProxy"],
  ["ALL_PROXY", "allProxy"],
];

/**
 * A container's variables with the proxies that the client's configuration has for this daemon (`proxies` in
 * config.json, by address or under `default`), in capital and small letters, where they are not given already.
 */
export function withProxies(env: string[] | null | undefined, config: ConfigFile, host: string): string[] | null {
  const settings = config.proxies?.[host] ?? config.proxies?.default;
  const result = [...(env ?? [])];
  const given = new Set(result.map((entry) => cut(entry, "=")[0]));
  for (const [name, setting] of VARIABLES) {
    const value = settings?.[setting];
    if (!value) continue;
    for (const spelling of [name, name.toLowerCase()]) {
      if (!given.has(spelling)) result.push(`${spelling}=${value}`);
    }
  }
  return result.length > 0 ? result : null;
}
