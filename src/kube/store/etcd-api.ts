/** etcd v3 over its own JSON gateway (/v3/…): keys and values in base64, 64-bit numbers as text. */

import { errorText, NaruError } from "../../lib/errors.ts";
import { CompactedError, type StoredEntry } from "./contract.ts";

/** How long one call may take. */
const CALL_MS = 10_000;
/** gRPC's OUT_OF_RANGE, which etcd answers for compacted revisions. */
const OUT_OF_RANGE = 11;

export interface EtcdHeader {
  readonly revision?: string;
}
export interface EtcdKeyValue {
  readonly key: string;
  readonly value?: string;
  readonly create_revision?: string;
  readonly mod_revision?: string;
}
export interface EtcdWatchAnswer {
  readonly result?: {
    readonly header: EtcdHeader;
    readonly canceled?: boolean;
    readonly cancel_reason?: string;
    readonly compact_revision?: string;
    readonly events?: readonly {
      readonly type?: "PUT" | "DELETE";
      readonly kv: EtcdKeyValue;
      readonly prev_kv?: EtcdKeyValue;
    }[];
  };
  readonly error?: { readonly message?: string };
}

/** "/registry/a" as the gateway wants it. */
export const encode = (text: string) => Buffer.from(text).toString("base64");
export const decode = (text: string | undefined) => Buffer.from(text ?? "", "base64").toString();

/** The key after all keys that begin with `prefix`, encoded; "\0" means the end of all keys. */
export function rangeEnd(prefix: string): string {
  const bytes = Buffer.from(prefix);
  if (bytes.length === 0) return encode("\0");
  bytes[bytes.length - 1]! += 1;
  return bytes.toString("base64");
}

export function entryOf(kv: EtcdKeyValue): StoredEntry {
  return {
    key: decode(kv.key),
    value: decode(kv.value),
    createRevision: Number(kv.create_revision ?? 0),
    modRevision: Number(kv.mod_revision ?? 0),
  };
}

/** Calls one of several servers; goes to the next when one cannot be reached. */
export class EtcdApi {
  private current = 0;

  /** @param servers "http://127.0.0.1:2379" … */
  constructor(private readonly servers: readonly string[]) {}

  /**
   * @throws CompactedError when the revision that was asked for is gone; NaruError unavailable when no server answers or it refuses
   */
  async call<Answer>(path: string, body: object): Promise<Answer> {
    const response = await this.reach(path, body, () => AbortSignal.timeout(CALL_MS));
    const answer = (await response.json()) as Answer & { code?: number; message?: string; error?: string };
    if (response.ok) return answer;
    const message = answer.message ?? answer.error ?? `status ${response.status}`;
    if (answer.code === OUT_OF_RANGE && message.includes("compacted")) throw new CompactedError(0);
    throw new NaruError("unavailable", `etcd at ${this.servers[this.current]}: ${message}`);
  }

  /** The answers of a watch, until the signal or the connection's end. */
  async *watch(request: object, signal: AbortSignal): AsyncGenerator<EtcdWatchAnswer> {
    const response = await this.reach("/v3/watch", { create_request: request }, () => signal);
    if (!response.ok || response.body === null) {
      throw new NaruError("unavailable", `etcd at ${this.servers[this.current]}: status ${response.status}`);
    }
    const decoder = new TextDecoder();
    let rest: string[] = [];
    for await (const chunk of response.body) {
      const lines = decoder.decode(chunk, { stream: true }).split("\n");
      rest.push(lines[0]!);
      if (lines.length === 1) continue;
      yield JSON.parse(rest.join("")) as EtcdWatchAnswer;
      for (const line of lines.slice(1, -1)) yield JSON.parse(line) as EtcdWatchAnswer;
      rest = [lines.at(-1)!];
    }
  }

  private async reach(path: string, body: object, signalOf: () => AbortSignal): Promise<Response> {
    let failure: unknown;
    for (let attempt = 0; attempt < this.servers.length; attempt++) {
      const signal = signalOf();
      const server = this.servers[this.current]!;
      try {
        return await fetch(server + path, { method: "POST", body: JSON.stringify(body), signal });
      } catch (error) {
        if (signal.aborted && !(signal.reason instanceof DOMException)) throw error;
        failure = error;
        this.current = (this.current + 1) % this.servers.length;
      }
    }
    const list = this.servers.join(", ");
    throw new NaruError("unavailable", `etcd does not answer at ${list}: ${errorText(failure)}; is it running?`, {
      cause: failure,
    });
  }
}
