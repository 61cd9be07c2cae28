/** A directory of the client's, fetched over its session when a step wants it. */
import { NaruError } from "../../lib/errors.ts";
import type { ContextLease, KeptContexts } from "../contexts/kept-contexts.ts";
import type { ContextSource } from "../contract.ts";
import { GrpcError, grpcErrorOf } from "../grpc/grpc-error.ts";
import type { BuildSession } from "./session-registry.ts";

const DIFF_COPY = "/moby.filesync.v1.FileSync/DiffCopy";

type SyncOptions = Parameters<ContextSource["sync"]>[0];

export class SessionContext implements ContextSource {
  private readonly leases: ContextLease[] = [];

  constructor(
    /** "context", "dockerfile" or the name of a named context: what the client calls the directory. */
    readonly name: string,
    private readonly session: BuildSession,
    private readonly kept: KeptContexts,
  ) {}

  async sync({ include = [], exclude = [], signal }: SyncOptions): Promise<string> {
    if (!this.session.serves(DIFF_COPY)) {
      throw new NaruError("invalid", `the client sends no local directories (wanted: ${this.name})`);
    }
    const metadata = headersOf({ "dir-name": [this.name], followpaths: include, "exclude-patterns": exclude });
    const open = (stop: AbortSignal) => this.session.grpc.call(DIFF_COPY, metadata, stop);
    try {
      const lease = await this.kept.receive(`${this.session.sharedKey}\0${this.name}`, open, signal);
      this.leases.push(lease);
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
