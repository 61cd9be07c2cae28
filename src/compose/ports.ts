import { NaruError } from "../lib/errors.ts";
import { newTree, type Tree } from "./document.ts";

interface Range {
  first: number;
  last: number;
}

/** The long forms of a port's short form: `[[host ip:]published:]target[/protocol]`, ranges unfolded. Throws "invalid". */
export function portsOf(text: string): Tree[] {
  const slash = text.indexOf("/");
  const protocol = (slash < 0 ? "tcp" : text.slice(slash + 1) || "tcp").toLowerCase();
  const { host, published, target } = splitPort(slash < 0 ? text : text.slice(0, slash));
  if (target === "") throw new NaruError("invalid", `No port specified: ${text}<empty>`);
  if (!["tcp", "udp", "sctp"].includes(protocol)) throw new NaruError("invalid", `Invalid proto: ${protocol}`);
  if (host !== "" && !/^[\d.]+$|:/.test(host)) throw new NaruError("invalid", `Invalid ip address: ${host}`);
  const targets = rangeOf(target, "containerPort");
  const hosts = published === "" ? undefined : rangeOf(published, "hostPort");
  const count = targets.last - targets.first;
  const isPool = hosts !== undefined && count === 0 && hosts.last !== hosts.first;
  if (hosts && hosts.last - hosts.first !== count && !isPool) {
    throw new NaruError("invalid", `Invalid ranges specified for container and host Ports: ${target} and ${published}`);
  }
  return Array.from({ length: count + 1 }, (_, index) => {
    const port = newTree();
    port.mode = "ingress";
    if (host !== "") port.host_ip = host;
    port.target = targets.first + index;
    if (hosts) port.published = isPool ? published : String(hosts.first + index);
    port.protocol = protocol;
    return port;
  });
}

function splitPort(text: string): { host: string; published: string; target: string } {
  const bracket = /^\[([^\]]*)\]:(.*)$/.exec(text);
  const parts = (bracket ? bracket[2]! : text).split(":");
  const target = parts.pop()!;
  if (bracket) return { host: bracket[1]!, published: parts.pop() ?? "", target };
  return { target, published: parts.pop() ?? "", host: parts.join(":") };
}

function rangeOf(text: string, what: string): Range {
  const parts = text.split("-");
  const [first, last = first] = parts.map((part) =>
    /^\d+$/.test(part) && Number(part) < 65536 ? Number(part) : Number.NaN,
  );
  if (parts.length > 2 || Number.isNaN(first) || Number.isNaN(last) || last! < first!)
    throw new NaruError("invalid", `Invalid ${what}: ${text}`);
  return { first: first!, last: last! };
}
