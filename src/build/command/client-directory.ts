/** A directory of the client's, brought when a step wants it and kept for the next build. */
import type { FileSource, FilesAnswer } from "../../model/build-exchange.ts";
import type { ContextLease, KeptContexts } from "../contexts/kept-contexts.ts";
import type { ContextSource } from "../contract.ts";
import type { ClientCalls } from "./client-calls.ts";

type SyncOptions = Parameters<ContextSource["sync"]>[0];

/** Progress is told this often. */
const TELL_MS = 100;

export class ClientDirectory implements ContextSource {
  version: string | undefined;
  private readonly leases: ContextLease[] = [];

  constructor(
    readonly name: string,
    private readonly source: FileSource,
    private readonly parts: { calls: ClientCalls; kept: KeptContexts; key: string },
  ) {}

  async sync({ include, exclude, onTransfer, signal }: SyncOptions): Promise<string> {
    const { calls, kept, key } = this.parts;
    // One file that is read ahead of the rest must not take the place of the whole.
    const isGlance = include?.length === 1 && include[0] === ".dockerignore";
    let bytes = 0;
    const lease = await kept.receive(
      [key, JSON.stringify(this.source), isGlance ? "glance" : ""].join("\0"),
      (stop, known) => {
        const { channel, answer } = calls.start<FilesAnswer>({
          name: "files",
          source: this.source,
          ...(include ? { include: [...include] } : {}),
          ...(exclude ? { exclude: [...exclude] } : {}),
          ...(known === undefined ? {} : { known }),
        });
        stop.addEventListener("abort", () => channel.close(), { once: true });
        const counted = countBytes(channel.bytes(), (current) => {
          bytes = current;
          onTransfer?.(current);
        });
        return { answer, bytes: counted, sendBytes: (data) => channel.write(data) };
      },
      signal,
    );
    this.leases.push(lease);
    if (!isGlance) this.version = lease.version;
    onTransfer?.(bytes);
    return lease.directory;
  }

  /** To be called when the build has ended. */
  release(): void {
    for (const lease of this.leases) lease.release();
  }
}

async function* countBytes(
  stream: AsyncIterable<Uint8Array>,
  tell: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  let told = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (performance.now() - told > TELL_MS) {
      told = performance.now();
      tell(bytes);
    }
    yield chunk;
  }
  tell(bytes);
}
