/** OCI layouts of a client's, read and written over its session, which serves containerd's content store for each. */
import { NaruError } from "../../lib/errors.ts";
import type { Digest } from "../../model/image.ts";
import type { ClientLayout, LayoutBlob, LayoutBlobs } from "../contract.ts";
import { GRPC, GrpcError } from "../grpc/grpc-error.ts";
import {
  contentInfoRequest,
  readContentRequest,
  readContentResponse,
  writeContentRequest,
  writeContentResponse,
} from "./messages.ts";
import type { BuildSession } from "./session-registry.ts";

const CONTENT = "/containerd.services.content.v1.Content";
/** Tells the client's stores apart. */
const STORE_ID = "buildkit-attachable-store-id";
/** containerd's WriteAction. */
const ACTION = { stat: 0, write: 1, commit: 2 } as const;
/** Messages of gRPC are at most 4 MiB by default. */
const MAX_PIECE_BYTES = 1024 * 1024;

/** The stores that clients know by these names: layouts given as contexts, cache directories, the output's directory. */
export const storeName = {
  context: (id: string) => `oci:${id}`,
  cache: (directory: string) => `local:${directory}`,
  output: "export",
} as const;

export class SessionLayout implements ClientLayout {
  constructor(
    readonly name: string,
    private readonly session: BuildSession,
    private readonly store: string,
    private readonly digest: Digest,
  ) {}

  async root(): Promise<Digest> {
    return this.digest;
  }

  async *read(digest: Digest, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const call = openCall(this.session, this.store, "Read", signal);
    await call.send(readContentRequest.encode({ digest, offset: 0, size: 0 }));
    call.closeSend();
    try {
      for await (const message of call.messages) yield readContentResponse.decode(message).data;
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error;
      const kind = error.code === GRPC.notFound ? "not-found" : "invalid";
      throw new NaruError(kind, `cannot read ${digest} of ${this.name}: ${error.message}`, { cause: error });
    } finally {
      // Who reads may have had enough.
      call.cancel();
    }
  }
}

/** Brings what the client's store lacks. @throws {NaruError} what the client says */
export async function writeLayout(
  session: BuildSession,
  store: string,
  { blobs, read }: LayoutBlobs,
  signal: AbortSignal,
): Promise<void> {
  for (const blob of new Map(blobs.map((one) => [one.digest, one])).values()) {
    signal.throwIfAborted();
    if (!(await hasBlob(session, store, blob.digest, signal))) {
      await writeBlob(session, store, blob, read(blob.digest), signal);
    }
  }
}

async function hasBlob(session: BuildSession, store: string, digest: Digest, signal: AbortSignal): Promise<boolean> {
  const call = openCall(session, store, "Info", signal);
  await call.send(contentInfoRequest.encode({ digest }));
  call.closeSend();
  try {
    for await (const _message of call.messages);
    return true;
  } catch (error) {
    if (error instanceof GrpcError && error.code === GRPC.notFound) return false;
    throw refused(error);
  }
}

/** Every request of containerd's Write is answered: where the blob stands, each piece, and that it is whole. */
async function writeBlob(
  session: BuildSession,
  store: string,
  { digest, size }: LayoutBlob,
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const call = openCall(session, store, "Write", signal);
  const answers = call.messages[Symbol.asyncIterator]();
  const common = { ref: `naru-${digest}`, total: size, expected: digest };
  const ask = async (request: Parameters<typeof writeContentRequest.encode>[0]) => {
    await call.send(writeContentRequest.encode({ ...common, ...request }));
    const { done, value } = await answers.next();
    if (done) throw new NaruError("unavailable", `the client ended the transfer of ${digest}`);
    return writeContentResponse.decode(value);
  };
  try {
    let skip = (await ask({ action: ACTION.stat })).offset;
    let offset = skip;
    for await (const chunk of content) {
      // What an earlier, broken transfer left is there already.
      const rest = chunk.subarray(Math.min(skip, chunk.length));
      skip -= chunk.length - rest.length;
      for (let at = 0; at < rest.length; at += MAX_PIECE_BYTES) {
        const data = rest.subarray(at, at + MAX_PIECE_BYTES);
        await ask({ action: ACTION.write, offset, data });
        offset += data.length;
      }
    }
    await ask({ action: ACTION.commit, offset });
  } catch (error) {
    if (!(error instanceof GrpcError && error.code === GRPC.alreadyExists)) throw refused(error);
  } finally {
    call.cancel();
  }
}

function openCall(session: BuildSession, store: string, method: "Info" | "Read" | "Write", signal: AbortSignal) {
  const path = `${CONTENT}/${method}`;
  if (!session.serves(path)) {
    throw new NaruError("invalid", "the client serves no directories for OCI layouts over its session");
  }
  return session.grpc.call(path, { [STORE_ID]: store }, signal);
}

function refused(error: unknown): unknown {
  if (!(error instanceof GrpcError)) return error;
  return new NaruError("invalid", `the client's directory does not take a blob: ${error.message}`, { cause: error });
}
