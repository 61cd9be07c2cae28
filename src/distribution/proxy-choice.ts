/** Which proxy a request goes through, by the usual environment variables and Go's reading of them. */
import { BlockList, isIP } from "node:net";
import { NaruError } from "../lib/errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy's address, or undefined for a direct connection. Loopback is always reached directly.
 * @throws invalid for a proxy that is no HTTP proxy
 */
export function proxyFor(url: URL, environment: Environment = process.env): string | undefined {
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const proxy = environment[name] || environment[name.toLowerCase()];
  if (!proxy) return undefined;
  const host = bareHost(url);
  if (host === "localhost" || isLoopback(host)) return undefined;
  const exceptions = environment.NO_PROXY || environment.no_proxy || "";
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  if (exceptions.split(",").some((entry) => isExcepted(entry.trim().toLowerCase(), host, port))) return undefined;
  const address = proxy.includes("://") ? proxy : `http://${proxy}`;
  if (!/^https?:\/\//i.test(address)) {
    throw new NaruError("invalid", `${name}=${proxy}: only http:// and https:// proxies are supported`);
  }
  return address;
}

/** Without the brackets of an IPv6 address. */
function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
}

function isLoopback(host: string): boolean {
  return host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function isExcepted(entry: string, host: string, port: string): boolean {
  if (entry === "") return false;
  if (entry === "*") return true;
  if (entry.includes("/")) return isIP(host) !== 0 && isInNetwork(host, entry);
  const [, name = "", wantedPort] = /^(\[[^\]]+\]|[^:]+|[0-9a-f:]+)(?::(\d+))?$/.exec(entry) ?? [];
  if (wantedPort !== undefined && wantedPort !== port) return false;
  const bare = name.replace(/^\[|\]$/g, "").replace(/^\*(?=\.)/, "");
  if (isIP(bare) !== 0) return bare === host;
  // A leading dot leaves the domain itself out.
  return bare.startsWith(".") ? host.endsWith(bare) : host === bare || host.endsWith(`.${bare}`);
}

/** True when `address` lies in the CIDR `network`; false for a network that is none. */
export function isInNetwork(address: string, network: string): boolean {
  const [base = "", bits = ""] = network.split("/");
  const family = isIP(base);
  const limit = family === 4 ? 32 : 128;
  if (family === 0 || family !== isIP(address) || !/^\d+$/.test(bits) || Number(bits) > limit) return false;
  const list = new BlockList();
  const type = family === 4 ? "ipv4" : "ipv6";
  list.addSubnet(base, Number(bits), type);
  return list.check(address, type);
}
