/** What a container's name server knows by itself: the names and addresses of its networks. Pure. */
import { DNS_TYPE, type DnsAnswer, pointerAddress } from "../dns/message.ts";
import { type IpAddress, parseIp } from "../lib/ip-address.ts";
import { endpointNames, hasNames } from "./network-listing.ts";
import type { EndpointRecord, SandboxRecord } from "./network-records.ts";

/**
 * The answers; undefined when the name is not ours and others should be asked. Of several containers with one name those that are
 * ready answer; all, when none is.
 */
export function resolveName(
  asker: SandboxRecord,
  sandboxes: Iterable<SandboxRecord>,
  name: string,
  type: number,
  isReady: (containerId: string) => boolean = () => true,
): DnsAnswer[] | undefined {
  const all = [...sandboxes];
  if (type === DNS_TYPE.PTR) return resolvePointer(asker, all, name);
  for (const own of asker.endpoints) {
    if (!hasNames(own)) continue;
    const found = endpointsCalled(own, all, name, isReady);
    if (found.length === 0) continue;
    return shuffled(found.flatMap((endpoint) => addressAnswers(endpoint, type)));
  }
  return undefined;
}

/** The endpoints on the network of `own` that the asker knows by this name; "name.network" means the same. */
function endpointsCalled(
  own: EndpointRecord,
  all: readonly SandboxRecord[],
  name: string,
  isReady: (containerId: string) => boolean,
): EndpointRecord[] {
  const suffix = `.${own.networkName.toLowerCase()}`;
  const names = name.endsWith(suffix) ? [name, name.slice(0, -suffix.length)] : [name];
  for (const candidate of names) {
    const wanted = linkTarget(own, candidate) ?? candidate;
    const found = all.flatMap((sandbox) => {
      const endpoint = sandbox.endpoints.find(({ networkId }) => networkId === own.networkId);
      const isCalled =
        endpoint !== undefined && endpointNames(endpoint, sandbox).some((own) => own.toLowerCase() === wanted);
      return isCalled ? [{ endpoint, isReady: isReady(sandbox.containerId) }] : [];
    });
    const ready = found.filter((each) => each.isReady);
    if (found.length > 0) return (ready.length > 0 ? ready : found).map(({ endpoint }) => endpoint);
  }
  return [];
}

/** Links give a neighbour a name that only this container knows: "container:alias". */
function linkTarget(own: EndpointRecord, alias: string): string | undefined {
  for (const link of own.settings.Links ?? []) {
    const [container = "", known = container] = link.split(":");
    if (known.toLowerCase() === alias) return container.toLowerCase();
  }
  return undefined;
}

/** Names that exist have no other records than addresses: an empty answer, not "no such name". */
function addressAnswers(endpoint: EndpointRecord, type: number): DnsAnswer[] {
  const wanted: (string | undefined)[] = [];
  if (type === DNS_TYPE.A || type === DNS_TYPE.ANY) wanted.push(endpoint.ipv4);
  if (type === DNS_TYPE.AAAA || type === DNS_TYPE.ANY) wanted.push(endpoint.ipv6);
  return wanted.flatMap((text) => {
    const address = text === undefined ? undefined : parseIp(text);
    return address === undefined ? [] : [{ type: "address" as const, address }];
  });
}

function resolvePointer(asker: SandboxRecord, all: readonly SandboxRecord[], name: string): DnsAnswer[] | undefined {
  const wanted = pointerAddress(name);
  if (wanted === undefined) return undefined;
  for (const own of asker.endpoints) {
    for (const sandbox of all) {
      const endpoint = sandbox.endpoints.find(({ networkId }) => networkId === own.networkId);
      if (endpoint === undefined || !hasNames(endpoint)) continue;
      if (isAddress(endpoint.ipv4, wanted) || isAddress(endpoint.ipv6, wanted)) {
        return [{ type: "pointer", name: `${sandbox.containerName}.${endpoint.networkName}` }];
      }
    }
  }
  return undefined;
}

function isAddress(text: string | undefined, wanted: IpAddress): boolean {
  const address = text === undefined ? undefined : parseIp(text);
  return address?.version === wanted.version && address.value === wanted.value;
}

/** Several containers with one alias share the load: each answer begins with another. */
function shuffled<T>(items: T[]): T[] {
  for (let index = items.length - 1; index > 0; index--) {
    const other = Math.floor(Math.random() * (index + 1));
    [items[index], items[other]] = [items[other]!, items[index]!];
  }
  return items;
}
