import { cut } from "../csv.ts";
import { ipVersion } from "./addresses.ts";

export type PortBindings = Record<string, { HostIp: string; HostPort: string }[]>;

/** Reads the values of `--publish`: `[[ADDRESS:][HOST[-HOST]]:]PORT[-PORT][/PROTOCOL]` or `published=…,target=…`. */
export function parsePublished(specs: readonly string[]): PortBindings {
  const bindings: PortBindings = {};
  for (const spec of specs) {
    for (const { port, HostIp, HostPort } of parsePortSpec(spec.includes("=") ? shortForm(spec) : spec)) {
      bindings[port] = [...(bindings[port] ?? []), { HostIp, HostPort }];
    }
  }
  return bindings;
}

/** `published=8080,target=80,protocol=udp` as `8080:80/udp`. */
function shortForm(spec: string): string {
  const settings: Record<string, string> = { protocol: "tcp", published: "", target: "" };
  for (const field of spec.split(",")) {
    const [key, value] = cut(field, "=");
    if (key === "" || value === undefined) {
      throw new Error(`invalid publish opts format (should be name=value but got '${field}')`);
    }
    settings[key] = value;
  }
  return `${settings.published}:${settings.target}/${settings.protocol}`;
}

function parsePortSpec(spec: string): { port: string; HostIp: string; HostPort: string }[] {
  const parts = spec.split(":");
  const [container = "", protocolText] = cut(parts.at(-1)!, "/");
  const hostPort = parts.at(-2) ?? "";
  const address = hostAddress(parts.slice(0, -2).join(":"));
  const protocol = portProtocol(protocolText);
  if (container === "") throw new Error(`No port specified: ${spec}<empty>`);
  const inside = rangeOrFail(container, `Invalid containerPort: ${container}`);
  const outside = hostPort === "" ? undefined : rangeOrFail(hostPort, `Invalid hostPort: ${hostPort}`);
  const isSingle = inside.first === inside.last;
  if (outside && !isSingle && inside.last - inside.first !== outside.last - outside.first) {
    throw new Error(`Invalid ranges specified for container and host Ports: ${container} and ${hostPort}`);
  }
  const found = [];
  for (let offset = 0; offset <= inside.last - inside.first; offset++) {
    let HostPort = outside ? String(outside.first + offset) : "";
    // One container port with a range of host ports: the daemon takes any free one of the range.
    if (outside && isSingle && outside.first !== outside.last) HostPort = `${outside.first}-${outside.last}`;
    found.push({ port: `${inside.first + offset}/${protocol}`, HostIp: address, HostPort });
  }
  return found;
}

function hostAddress(text: string): string {
  if (text === "") return "";
  const bracketed = /^\[(.*)\]$/.exec(text)?.[1];
  if (bracketed === undefined && text.includes(":")) {
    throw new Error(`Invalid ip address ${text}: address ${text}:: too many colons in address`);
  }
  const address = bracketed ?? text;
  if (ipVersion(address) === 0) throw new Error(`Invalid ip address: ${address}`);
  return address;
}

function portProtocol(text: string | undefined): string {
  const protocol = (text || "tcp").toLowerCase();
  if (!["tcp", "udp", "sctp"].includes(protocol)) throw new Error(`Invalid proto: ${protocol}`);
  return protocol;
}

/** Reads the values of `--expose`: the ports as the API writes them, such as `80/tcp`. */
export function parseExposed(specs: readonly string[]): string[] {
  return specs.flatMap((spec) => {
    if (spec.includes(":")) throw new Error(`invalid port format for --expose: ${spec}`);
    const [ports, protocolText] = cut(spec, "/");
    const protocol = (protocolText || "tcp").toLowerCase();
    let range: PortRange;
    try {
      range = parseRange(ports);
    } catch (error) {
      throw new Error(`invalid range format for --expose: ${spec}, error: ${(error as Error).message}`);
    }
    return Array.from({ length: range.last - range.first + 1 }, (_, offset) => `${range.first + offset}/${protocol}`);
  });
}

interface PortRange {
  first: number;
  last: number;
}

function rangeOrFail(text: string, complaint: string): PortRange {
  try {
    return parseRange(text);
  } catch {
    throw new Error(complaint);
  }
}

function parseRange(text: string): PortRange {
  if (text === "") throw new Error("empty string specified for ports");
  const [firstText, lastText = firstText] = cut(text, "-");
  const [first, last] = [parsePort(firstText), parsePort(lastText)];
  if (last < first) throw new Error(`Invalid range specified for the Port: ${text}`);
  return { first, last };
}

function parsePort(text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
  const port = Number(text);
  if (port > 65535) throw new Error(`strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`);
  return port;
}
