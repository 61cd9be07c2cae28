/** /etc/hosts of containers. Pure. The layout is Docker's. */

const STANDARD = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

export interface HostsEntry {
  ip: string;
  names: string[];
}

/** In Docker's order: what the user added, linked containers, the container's own addresses. */
export function printHosts(entries: readonly HostsEntry[]): string {
  return STANDARD + entries.map(({ ip, names }) => `${ip}\t${names.join(" ")}\n`).join("");
}

/** The container's names for its own addresses: with a domain in it, the hostname also stands without. */
export function ownNames(hostname: string, domainname: string): string[] {
  const full = domainname === "" ? hostname : `${hostname}.${domainname}`;
  const short = full.split(".")[0] ?? full;
  return short === full ? [full] : [full, short];
}

/** "name:ip", where the ip may be in brackets. */
export function parseExtraHost(text: string): HostsEntry | undefined {
  const at = text.indexOf(":");
  if (at < 1) return undefined;
  const ip = text.slice(at + 1).replace(/^\[(.*)\]$/, "$1");
  return { ip, names: [text.slice(0, at)] };
}
