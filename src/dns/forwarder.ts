/** Passes queries on to other name servers and brings back the first answer. */
import { createSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";
import { NaruError } from "../lib/errors.ts";

const DNS_PORT = 53;
const ANSWER_TIMEOUT_MS = 4000;
const MOST_SERVERS = 3;
const MOST_QUERIES_UNDER_WAY = 1024;
const SERVER_FAILURE = 2;
const REFUSED = 5;

export type DnsTransport = "udp" | "tcp";

let underWay = 0;

/**
 * The answer of the first server that gives one. Asked by TCP, the servers are asked by TCP too, so that what was too
 * long for UDP arrives whole.
 * @param servers IP addresses
 * @throws {NaruError} unavailable when none answers
 */
export async function forwardQuery(
  query: Uint8Array,
  servers: readonly string[],
  transport: DnsTransport,
): Promise<Uint8Array> {
  if (underWay >= MOST_QUERIES_UNDER_WAY) throw new NaruError("unavailable", "too many DNS queries under way");
  underWay++;
  try {
    let refusal: Uint8Array | undefined;
    for (const server of servers.slice(0, MOST_SERVERS)) {
      const answer = await (transport === "udp" ? askByUdp : askByTcp)(query, server);
      if (answer === undefined) continue;
      const code = (answer[3] ?? 0) & 15;
      if (code !== SERVER_FAILURE && code !== REFUSED) return answer;
      // Another server may know better; if not, this is the answer.
      refusal ??= answer;
    }
    if (refusal !== undefined) return refusal;
    throw new NaruError("unavailable", "no DNS server answered");
  } finally {
    underWay--;
  }
}

/** Undefined when nothing fitting comes in time. A socket, and so a random port, for each query: harder to forge. */
function askByUdp(query: Uint8Array, server: string): Promise<Uint8Array | undefined> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
  const socket = createSocket(isIPv6(server) ? "udp6" : "udp4");
  const timer = setTimeout(() => resolve(undefined), ANSWER_TIMEOUT_MS);
  socket.on("error", () => resolve(undefined));
  socket.on("message", (answer, from) => {
    if (from.address === server && answer[0] === query[0] && answer[1] === query[1]) resolve(answer);
  });
  socket.send(query, DNS_PORT, server, (error) => {
    if (error) resolve(undefined);
  });
  return promise.finally(() => {
    clearTimeout(timer);
    socket.close();
  });
}

function askByTcp(query: Uint8Array, server: string): Promise<Uint8Array | undefined> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
  const socket = connect({ host: server, port: DNS_PORT });
  const timer = setTimeout(() => resolve(undefined), ANSWER_TIMEOUT_MS);
  const reader = new DnsStreamReader();
  socket.on("connect", () => socket.write(withLength(query)));
  socket.on("data", (chunk: Buffer) => {
    const [answer] = reader.push(chunk);
    if (answer !== undefined) resolve(answer);
  });
  socket.on("error", () => resolve(undefined));
  socket.on("close", () => resolve(undefined));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}

/** A message as TCP carries it: behind its length in two bytes. */
export function withLength(message: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(2 + message.length);
  bytes.writeUInt16BE(message.length);
  bytes.set(message, 2);
  return bytes;
}

/** Cuts a TCP stream into messages. */
export class DnsStreamReader {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Uint8Array): Buffer[] {
    const messages: Buffer[] = [];
    let bytes = Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE(0)) {
      const end = 2 + bytes.readUInt16BE(0);
      messages.push(bytes.subarray(2, end));
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
    return messages;
  }
}
