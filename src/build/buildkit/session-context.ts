/** A directory of the client's, fetched over its session when a step wants it. */
import { NaruError } from "../../lib/errors.ts";
import type { ContextLease, KeptContexts } from "../contexts/kept-contexts.ts";
import type { ContextSource } from "../contract.ts";
import { GrpcError, grpcErrorOf } from "../grpc/grpc-error.ts";
import type { BuildSession } from "./session-registry.ts";

const DIFF_COPY = "/moby.filesync.v1.FileSync/DiffCopy";

/** Progress is told this often. */
const TELL_MS = 100;

type SyncOptions = Parameters<ContextSource["sync"]>[0];

export class SessionContext implements ContextSource {
  version: string | undefined;
  private readonly leases: ContextLease[] = [];

  constructor(
    /** "context", "dockerfile" or the name of a named context: what the client calls the directory. */
    readonly name: string,
    private readonly session: BuildSession,
    private readonly kept: KeptContexts,
  ) {}

  async sync({ include = [], exclude = [], onTransfer, signal }: SyncOptions): Promise<string> {
    if (!this.session.serves(DIFF_COPY)) {
      throw new NaruError("invalid", `the client sends no local directories (wanted: ${this.name})`);
    }
    const metadata = headersOf({ "dir-name": [this.name], followpaths: include, "exclude-patterns": exclude });
    const open = (stop: AbortSignal) => {
      const call = this.session.grpc.call(DIFF_COPY, metadata, stop);
      return { messages: countBytes(call.messages, onTransfer), send: call.send };
    };
    // One file that is read ahead of the rest must not take the place of the whole.
    const isGlance = include.length === 1 && include[0] === ".dockerignore";
    const key = [this.session.sharedKey || this.session.id, this.name, isGlance ? "glance" : ""].join("\0");
    try {
      const lease = await this.kept.receive(key, open, signal);
      this.leases.push(lease);
      if (!isGlance) this.version = lease.version;
      return lease.directory;
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error;
      throw new NaruError("invalid", `cannot read ${this.name}: ${grpcErrorOf(error).message}`, { cause: error });
    }
  }

  /** To be called when the build has ended. */
  release(): void {
    for (const lease of this.leases) lease.release();
  }
}

/** Tells how much has come, now and then and at the end. */
async function* countBytes(
  messages: AsyncIterable<Uint8Array>,
  onTransfer: SyncOptions["onTransfer"],
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  let told = 0;
  try {
    for await (const message of messages) {
      bytes += message.length;
      if (performance.now() - told > TELL_MS) {
        told = performance.now();
        onTransfer?.(bytes);
      }
      yield message;
    }
  } finally {
    onTransfer?.(bytes);
  }
}

/** Lists as repeated headers; such with other than printable ASCII are told apart by a header of their own. */
function headersOf(lists: Record<string, readonly string[]>): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  for (const [name, values] of Object.entries(lists)) {
    if (values.length === 0) continue;
    const isPlain = values.every((value) => /^[\x20-\x7e]*$/.test(value));
    headers[name] = values.map((value) => (isPlain ? value : encodeURIComponent(value).replaceAll("%20", "+")));
    if (!isPlain) headers[`${name}-encoded`] = ["1"];
  }
  return headers;
}
