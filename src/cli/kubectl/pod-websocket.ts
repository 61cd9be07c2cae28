/** A WebSocket to a subresource of a pod: messages whose first byte is the channel. */

import { randomBytes } from "node:crypto";
import { HttpClient, type HttpTarget, type UpgradedStream } from "../../lib/http-client.ts";
import { acceptKey, encodeMaskedFrame, OPCODES, WebSocketFrameReader } from "../../lib/websocket-frames.ts";
import { CliError } from "../cli-error.ts";
import { type ApiStatus, type ClusterAccess, KubeApiError } from "./kube-api.ts";

/** The first knows how to end a channel: byte 255, then its number. */
const PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
const END_OF_CHANNEL = 255;

interface ChannelMessage {
  readonly channel: number;
  readonly data: Uint8Array;
}

/** An open connection; whoever opens it closes it. */
export class PodWebSocket {
  /** Frames must not mix: each waits for the one before. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(
    private readonly client: HttpClient,
    private readonly stream: UpgradedStream,
  ) {}

  /** @param path with its query @throws KubeApiError what the server said instead; CliError when it cannot be reached */
  static async open(access: ClusterAccess, path: string): Promise<PodWebSocket> {
    refuseProxy(access);
    const url = new URL(`${access.server}${path}`);
    const client = new HttpClient(targetOf(url, access));
    const key = randomBytes(16).toString("base64");
    const answer = await client
      .upgrade({
        method: "GET",
        path: `${url.pathname}${url.search}`,
        headers: {
          ...access.headers,
          ...linesApart(access.repeated),
          Upgrade: "websocket",
          "Sec-WebSocket-Version": "13",
          "Sec-WebSocket-Key": key,
          "Sec-WebSocket-Protocol": PROTOCOLS.join(", "),
        },
      })
      .catch((error: Error) => {
        client.close();
        throw new CliError(`error: unable to connect to ${url.host}: ${error.message}`);
      });
    access.trace?.(`GET ${url} ${"status" in answer ? answer.status : 101}`);
    if ("status" in answer) {
      const text = await answer.text();
      client.close();
      throw refusal(answer.status, text);
    }
    const protocol = answer.headers.get("sec-websocket-protocol") ?? "";
    if (answer.headers.get("sec-websocket-accept") !== acceptKey(key) || !PROTOCOLS.includes(protocol)) {
      client.close();
      throw new CliError(`error: ${url.host} answered with a WebSocket that is none of ours (${protocol})`);
    }
    const socket = new PodWebSocket(client, answer);
    socket.#canEndChannels = protocol === PROTOCOLS[0];
    return socket;
  }

  #canEndChannels = false;

  /** Until the server closes. @throws CliError when the connection breaks */
  async *messages(): AsyncGenerator<ChannelMessage> {
    const reader = new WebSocketFrameReader("server");
    let parts: Uint8Array[] = [];
    for (;;) {
      const bytes = await this.stream.read().catch(() => undefined);
      if (bytes === undefined) throw new CliError("error: the connection to the server broke off");
      for (const { opcode, isFinal, payload } of reader.push(bytes)) {
        if (opcode === OPCODES.close) return;
        if (opcode === OPCODES.ping) this.#sendFrame(OPCODES.pong, payload).catch(() => {});
        if (opcode === OPCODES.ping || opcode === OPCODES.pong) continue;
        parts.push(payload);
        if (!isFinal) continue;
        const whole = parts.length === 1 ? payload : Buffer.concat(parts);
        parts = [];
        if (whole.length > 0) yield { channel: whole[0]!, data: whole.subarray(1) };
      }
    }
  }

  /** Resolves when the connection has taken it. */
  async send(channel: number, data: Uint8Array): Promise<void> {
    const message = new Uint8Array(data.length + 1);
    message[0] = channel;
    message.set(data, 1);
    await this.#sendFrame(OPCODES.binary, message);
  }

  /** Tells that no more comes on a channel. Servers that speak only v4 cannot be told. */
  async endChannel(channel: number): Promise<void> {
    if (this.#canEndChannels) await this.send(END_OF_CHANNEL, Uint8Array.of(channel));
  }

  close(): void {
    this.client.close();
  }

  #sendFrame(opcode: number, payload: Uint8Array): Promise<void> {
    const sent = this.#writing.then(() => this.stream.write(encodeMaskedFrame(opcode, payload)));
    this.#writing = sent.catch(() => {});
    return sent;
  }
}

/** @throws CliError: connections that leave HTTP go straight to the server, where a proxy may be the only way */
export function refuseProxy({ proxy }: ClusterAccess): void {
  if (proxy === undefined) return;
  throw new CliError(
    `error: exec, attach, cp, port-forward and upgraded connections do not go through the proxy-url ${proxy}: name a cluster without one, if the server can be reached so`,
  );
}

/** Header lines of one name that HttpClient does not join: the name in different letters. */
export function linesApart(repeated: ClusterAccess["repeated"] = {}): Record<string, string> {
  const lines = Object.entries(repeated).flatMap(([name, values]) =>
    values.map((value, at) => {
      const upper = name.slice(0, at).toUpperCase();
      return [upper + name.slice(at), value] as const;
    }),
  );
  return Object.fromEntries(lines);
}

/** Where a cluster's address is, and how its certificate is checked. */
export function targetOf(url: URL, { tls }: ClusterAccess): HttpTarget {
  const isSecure = url.protocol === "https:";
  const { rejectUnauthorized, ...material } = tls;
  return {
    kind: "tcp",
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port) || (isSecure ? 443 : 80),
    ...(isSecure ? { tls: { ...material, verify: rejectUnauthorized !== false } } : {}),
  };
}

function refusal(code: number, text: string): CliError {
  try {
    const status = JSON.parse(text) as ApiStatus;
    if (status.kind === "Status") return new KubeApiError(status);
  } catch {
    // No Status: told as it stands.
  }
  return new CliError(`error: the server answered with ${code}: ${text.trim()}`);
}
