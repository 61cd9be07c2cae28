/** Where the repositories of a domain are: Docker Hub's endpoint, mirrors, and which hosts may do without TLS. */
import { isIP } from "node:net";
import { NaruError } from "../lib/errors.ts";
import type { RegistrySettings } from "./contract.ts";
import { isInNetwork } from "./proxy-choice.ts";
import type { HostAddress } from "./registry-host.ts";

const HUB = "docker.io";
const HUB_ENDPOINT = "registry-1.docker.io";
/** Always reached without TLS when need be, as docker does. */
const LOOPBACK = ["127.0.0.0/8", "::1/128"];

/** The registry itself. */
export function registryAddress(domain: string, settings: RegistrySettings): HostAddress {
  const host = domain === HUB ? HUB_ENDPOINT : domain;
  const isInsecure = isInsecureHost(host, settings.insecureRegistries);
  return { host, isInsecure, schemes: isInsecure ? ["https", "http"] : ["https"], basePath: "" };
}

/** The mirrors of a domain, in order. @throws invalid for an address that is none */
export function mirrorAddresses(domain: string, settings: RegistrySettings): HostAddress[] {
  const own = settings.hostMirrors?.[domain] ?? [];
  const all = domain === HUB ? [...settings.mirrors, ...own] : own;
  return all.map((mirror) => mirrorAddress(mirror, settings));
}

/** @throws invalid, naming the first mirror that is no address */
export function checkMirrors(settings: RegistrySettings): void {
  for (const domain of [HUB, ...Object.keys(settings.hostMirrors ?? {})]) mirrorAddresses(domain, settings);
}

function mirrorAddress(mirror: string, settings: RegistrySettings): HostAddress {
  const url = URL.parse(mirror.includes("://") ? mirror : `https://${mirror}`);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new NaruError("invalid", `invalid mirror: ${JSON.stringify(mirror)}: write it as https://host[:port]`);
  }
  const isPlain = url.protocol === "http:";
  const isInsecure = isPlain || isInsecureHost(url.host, settings.insecureRegistries);
  return {
    host: url.host,
    isInsecure,
    schemes: [isPlain ? "http" : "https"],
    basePath: url.pathname.replace(/\/+$/, ""),
  };
}

/** True for loopback, for a host that is named, and for an address in a network that is. Names are not looked up. */
export function isInsecureHost(host: string, insecureRegistries: readonly string[]): boolean {
  const name = host.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  if (name === "localhost") return true;
  const networks = [...LOOPBACK, ...insecureRegistries.filter((entry) => entry.includes("/"))];
  if (isIP(name) !== 0 && networks.some((network) => isInNetwork(name, network))) return true;
  return insecureRegistries.some((entry) => {
    const bare = entry.replace(/^https?:\/\//, "").replace(/\/$/, "");
    return bare === host || bare === name;
  });
}
