/** EXPOSE: "80", "80/udp", "8000-8010"; what stands before a colon is for the host and means nothing. */
import { NaruError } from "../../lib/errors.ts";
import { goQuoted } from "../../lib/go-quote.ts";
import type { ExposeInstruction } from "../dockerfile/ast.ts";
import { expand } from "../dockerfile/expansion.ts";
import { expansionOptions, type Planning } from "./planning.ts";
import type { StageNode } from "./stage-node.ts";

const PROTOCOLS = new Set(["tcp", "udp", "sctp"]);
const MAX_PORT = 65_535;
/** Of all EXPOSEs of a build together: ranges are cheap to write and dear to list. */
const MAX_LISTED = 1_000_000;

/** The ports with their protocols, in the order of the words. @throws {NaruError} invalid */
export function exposedPorts(planning: Planning, node: StageNode, instruction: ExposeInstruction): string[] {
  const { range, comments, ports } = instruction;
  // Unlike elsewhere docker says nothing of variables without a value, which then name no port.
  const words = ports.flatMap((word) => expand(word, node.env, expansionOptions(planning)).words);
  return words.flatMap((word) => {
    const port = word.slice(word.lastIndexOf(":") + 1);
    const protocol = port.split("/")[1] ?? "";
    if (word.includes(":")) planning.report.report("ExposeInvalidFormat", range, comments, word);
    if (protocol !== protocol.toLowerCase()) planning.report.report("ExposeProtoCasing", range, comments, word);
    return portList(planning, word);
  });
}

function portList(planning: Planning, word: string): string[] {
  const parts = word.split(":");
  const [ports = "", protocolText = ""] = cutAtSlash(parts.at(-1)!);
  if (ports === "") throw invalid(`invalid port: ${goQuoted(word)}: no port specified`);
  const protocol = protocolText.toLowerCase() || "tcp";
  if (!PROTOCOLS.has(protocol)) throw invalid(`invalid port: ${goQuoted(word)}: invalid proto: ${protocol}`);
  checkHostAddress(parts.slice(0, -2).join(":"));
  const container = portRange(ports);
  if (!container) throw invalid(`invalid containerPort: ${ports}`);
  checkHostPorts(parts.at(-2), container, ports);
  const [first, last] = container;
  planning.listed.ports += last - first + 1;
  if (planning.listed.ports > MAX_LISTED) throw invalid(`EXPOSE names more than ${MAX_LISTED} ports in all`);
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`);
}

function cutAtSlash(text: string): [string, string] {
  const slash = text.indexOf("/");
  return slash < 0 ? [text, ""] : [text.slice(0, slash), text.slice(slash + 1)];
}

function checkHostAddress(address: string): void {
  const bare = address.replace(/^\[(.*)\]$/, "$1");
  const isAddress = /^\d{1,3}(\.\d{1,3}){3}$/.test(bare) || /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/.test(bare);
  if (bare !== "" && !isAddress) throw invalid(`invalid IP address: ${bare}`);
}

/** The host's ports must be as many, unless the container's is one. */
function checkHostPorts(text: string | undefined, [first, last]: [number, number], ports: string): void {
  if (text === undefined || text === "") return;
  const host = portRange(text);
  if (!host) throw invalid(`invalid hostPort: ${text}`);
  if (last !== first && host[1] - host[0] !== last - first) {
    throw invalid(`invalid ranges specified for container and host Ports: ${ports} and ${text}`);
  }
}

function portRange(text: string): [number, number] | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (!match) return undefined;
  const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
  return last < first || last > MAX_PORT ? undefined : [first, last];
}

function invalid(message: string): NaruError {
  return new NaruError("invalid", message);
}
