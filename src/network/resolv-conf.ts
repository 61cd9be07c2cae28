/** /etc/resolv.conf of containers, made from the host's. Pure. The layout is Docker's. */

export interface ResolvConf {
  nameservers: string[];
  search: string[];
  options: string[];
  /** Lines that are none of these ("sortlist …"), kept as they are. */
  others: string[];
}

interface ResolvConfWishes {
  dns: readonly string[];
  dnsSearch: readonly string[];
  dnsOptions: readonly string[];
}

const NAME_SERVER_ADDRESS = "127.0.0.11";
const HEADER = `# Written by naru for this container.
`;
// For machines whose own servers containers cannot reach. Docker's choice.
const PUBLIC_SERVERS = ["8.8.8.8", "8.8.4.4"];

/** Reads the file as resolv.conf(5) tells: of several search lines the last counts. */
export function parseResolvConf(text: string): ResolvConf {
  const conf: ResolvConf = { nameservers: [], search: [], options: [], others: [] };
  for (const line of text.split("\n")) {
    const [key, ...values] = line.trim().split(/\s+/);
    if (key === undefined || key === "" || key.startsWith("#") || key.startsWith(";")) continue;
    if (key === "nameserver" && values[0] !== undefined) conf.nameservers.push(values[0]);
    else if (key === "search" || key === "domain") conf.search = values;
    else if (key === "options") conf.options.push(...values);
    else conf.others.push(line.trim());
  }
  return conf;
}

const isLoopback = (server: string): boolean => server.startsWith("127.") || server.startsWith("::1");

interface Merged extends ResolvConf {
  overrides: string[];
}

function merge(host: ResolvConf, { dns, dnsSearch, dnsOptions }: ResolvConfWishes): Merged {
  const overrides: string[] = [];
  const pick = (name: string, wished: readonly string[], given: string[]): string[] => {
    if (wished.length === 0) return given;
    overrides.push(name);
    return [...wished];
  };
  const nameservers = pick("nameservers", dns, host.nameservers);
  // "." asks for no search domain at all.
  const search = pick("search", dnsSearch, host.search).filter((domain) => domain !== ".");
  const options = pick("options", dnsOptions, host.options);
  return { nameservers, search, options, others: host.others, overrides };
}

function print({ nameservers, search, options, others }: ResolvConf, remarks: readonly string[]): string {
  const lines = nameservers.map((server) => `nameserver ${server}`);
  if (search.length > 0) lines.push(`search ${search.join(" ")}`);
  if (options.length > 0) lines.push(`options ${options.join(" ")}`);
  const body = [...lines, ...others].map((line) => `${line}\n`).join("");
  return `${HEADER}\n${body}\n${remarks.map((remark) => `# ${remark}\n`).join("")}`;
}

/** The host's own file for containers in its network. */
export function hostModeResolvConf(host: ResolvConf, path: string, wishes: ResolvConfWishes): string {
  const merged = merge(host, wishes);
  return print(merged, [`Based on host file: '${path}'`, ...overrideRemarks(merged)]);
}

/** For containers that ask the host's servers themselves, which must not be on the host's loopback. */
export function forwardedResolvConf(host: ResolvConf, path: string, wishes: ResolvConfWishes): string {
  const merged = merge(host, wishes);
  const remarks: string[] = [];
  if (wishes.dns.length === 0) {
    merged.nameservers = merged.nameservers.filter((server) => !isLoopback(server));
    if (merged.nameservers.length === 0) {
      merged.nameservers = [...PUBLIC_SERVERS];
      remarks.push("Used default nameservers.");
    }
  }
  return print(merged, [`Based on host file: '${path}' (legacy)`, ...remarks, ...overrideRemarks(merged)]);
}

/** For containers that ask the name server in their own namespace; `upstream` is what that one asks. */
export function internalResolvConf(host: ResolvConf, path: string, wishes: ResolvConfWishes): string {
  const merged = merge(host, wishes);
  const isFromHost = wishes.dns.length === 0;
  const servers = merged.nameservers.map((server) => (isFromHost ? `host(${server})` : server));
  const hasDots = merged.options.some((option) => option.startsWith("ndots:"));
  if (!hasDots) merged.options = [...merged.options, "ndots:0"];
  const remarks = [`Based on host file: '${path}' (internal resolver)`];
  if (servers.length > 0) remarks.push(`ExtServers: [${servers.join(" ")}]`);
  else remarks.push("NO EXTERNAL NAMESERVERS DEFINED");
  remarks.push(...overrideRemarks(merged, hasDots ? undefined : "internal"));
  return print({ ...merged, nameservers: [NAME_SERVER_ADDRESS] }, remarks);
}

function overrideRemarks({ overrides, options }: Merged, dotsDefault?: "internal"): string[] {
  const remarks = [`Overrides: [${overrides.join(" ")}]`];
  const hasDots = options.some((option) => option.startsWith("ndots:"));
  if (!hasDots) return remarks;
  const origin = overrides.includes("options") ? "override" : (dotsDefault ?? "host");
  return [...remarks, `Option ndots from: ${origin}`];
}

/** The servers that the name server in a namespace asks for names that are not its own. */
export function upstreamServers(host: ResolvConf, dns: readonly string[]): string[] {
  return dns.length > 0 ? [...dns] : host.nameservers;
}
