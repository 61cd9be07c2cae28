/** /etc/hosts, /etc/hostname and /etc/resolv.conf of a pod. */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import type { Pod, PodDNSConfig, PodSpec } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import { type NodeContext, podRunDirectory } from "./node-context.ts";

const MAX_HOSTNAME = 63;
const FIXED_HOSTS = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
`;

/** Host name and, with a subdomain, the name that other pods know it by. */
export function podNames(pod: Stored<Pod>, clusterDomain: string): { hostname: string; fullName: string | undefined } {
  const spec = pod.spec ?? { containers: [] };
  const short = (spec.hostname || pod.metadata.name).slice(0, MAX_HOSTNAME).replace(/[-.]+$/, "");
  const fullName = spec.subdomain
    ? `${short}.${spec.subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}`
    : undefined;
  const shown = spec.setHostnameAsFQDN && fullName !== undefined ? fullName : short;
  return { hostname: spec.hostnameOverride || shown, fullName };
}

/** Contents of /etc/hosts of a pod with its own network. */
export function printHosts(pod: Stored<Pod>, ips: readonly string[], names: ReturnType<typeof podNames>): string {
  const own = [names.fullName, names.hostname].filter((name) => name !== undefined);
  const lines = ips.map((ip) => `${ip}\t${[...new Set(own)].join("\t")}\n`).join("");
  return `# Kubernetes-managed hosts file.\n${FIXED_HOSTS}${lines}${printAliases(pod.spec)}`;
}

function printAliases(spec: PodSpec | undefined): string {
  const aliases = spec?.hostAliases ?? [];
  if (aliases.length === 0) return "";
  const lines = aliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join("\t")}\n`);
  return `\n# Entries added by HostAliases.\n${lines.join("")}`;
}

interface ResolvSettings {
  nameservers: readonly string[];
  searches: readonly string[];
  options: readonly string[];
}

/** What a pod's dnsPolicy and dnsConfig ask for. `host`: the machine's own. */
export function resolvSettings(
  pod: Stored<Pod>,
  host: ResolvSettings,
  cluster: { server: string | undefined; domain: string },
): ResolvSettings {
  const spec = pod.spec ?? { containers: [] };
  const policy = spec.dnsPolicy ?? "ClusterFirst";
  const isClusters = policy === "ClusterFirstWithHostNet" || (policy === "ClusterFirst" && !spec.hostNetwork);
  let base = host;
  if (policy === "None") base = { nameservers: [], searches: [], options: [] };
  else if (isClusters && cluster.server !== undefined) {
    const { domain, server } = cluster;
    const own = [`${pod.metadata.namespace}.svc.${domain}`, `svc.${domain}`, domain];
    base = { nameservers: [server], searches: [...new Set([...own, ...host.searches])], options: ["ndots:5"] };
  }
  return withConfig(base, spec.dnsConfig);
}

function withConfig(base: ResolvSettings, config: PodDNSConfig | undefined): ResolvSettings {
  if (config === undefined) return base;
  const given = (config.options ?? []).map(({ name, value }) => ({
    name,
    text: value ? `${name}:${value}` : `${name}`,
  }));
  const kept = base.options.filter((text) => !given.some(({ name }) => name === text.split(":")[0]));
  return {
    nameservers: [...new Set([...base.nameservers, ...(config.nameservers ?? [])])],
    searches: [...new Set([...base.searches, ...(config.searches ?? [])])],
    options: [...kept, ...given.map(({ text }) => text)],
  };
}

export function printResolvConf({ nameservers, searches, options }: ResolvSettings): string {
  return [
    ...(searches.length > 0 ? [`search ${searches.join(" ")}`] : []),
    ...nameservers.map((server) => `nameserver ${server}`),
    ...(options.length > 0 ? [`options ${options.join(" ")}`] : []),
  ]
    .map((line) => `${line}\n`)
    .join("");
}

/** resolv.conf(5), as far as pods take it over. */
export function parseResolvConf(text: string): ResolvSettings {
  const found = { nameservers: [] as string[], searches: [] as string[], options: [] as string[] };
  for (const line of text.split("\n")) {
    const [word, ...rest] = line.trim().split(/\s+/);
    if (word === "nameserver" && rest[0]) found.nameservers.push(rest[0]);
    if (word === "search") found.searches = rest;
    if (word === "options") found.options.push(...rest);
  }
  return found;
}

/** Writes the three files; called again when the pod's addresses are known anew. */
export async function writeNetworkFiles(context: NodeContext, pod: Stored<Pod>, ips: readonly string[]): Promise<void> {
  const directory = podRunDirectory(context, pod.metadata.uid);
  const names = podNames(pod, context.clusterDomain);
  const isHosts = pod.spec?.hostNetwork === true;
  const [, hostResolv, hostHosts] = await Promise.all([
    mkdir(directory, { recursive: true, mode: 0o755 }),
    readFile("/etc/resolv.conf", "utf8").catch(() => ""),
    isHosts ? readFile("/etc/hosts", "utf8").catch(() => FIXED_HOSTS) : "",
  ]);
  const cluster = { server: context.clusterDns?.(), domain: context.clusterDomain };
  const hosts = isHosts
    ? `# Kubernetes-managed hosts file (host network).\n${hostHosts}${printAliases(pod.spec)}`
    : printHosts(pod, ips, names);
  const resolv = printResolvConf(resolvSettings(pod, parseResolvConf(hostResolv), cluster));
  await Promise.all([
    writeFile(`${directory}/hosts`, hosts, { mode: 0o644 }),
    writeFile(`${directory}/hostname`, `${names.hostname}\n`, { mode: 0o644 }),
    writeFile(`${directory}/resolv.conf`, resolv, { mode: 0o644 }),
  ]);
}
