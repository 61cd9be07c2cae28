/** A process in a container, over a WebSocket: exec and attach. */

import { CliError } from "../cli-error.ts";
import type { KubectlContext } from "./declaration.ts";
import { type ApiStatus, withQuery } from "./kube-api.ts";
import { PodWebSocket } from "./pod-websocket.ts";

const CHANNELS = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;

interface RemoteTerminal {
  readonly tty: boolean;
  /** Sent to the process; its end is told. */
  readonly input?: AsyncIterable<Uint8Array>;
  /** Called with what sends the size of our terminal. Returns what ends that. */
  followSize?(send: (size: { rows: number; columns: number }) => void): () => void;
}

export interface RemoteStreams extends RemoteTerminal {
  /** What the process writes. The next waits until it resolves. */
  write(stream: "stdout" | "stderr", data: Uint8Array): Promise<void> | void;
}

interface RemoteErrors extends RemoteTerminal {
  /** What the process writes to its standard error. */
  writeError(data: Uint8Array): Promise<void> | void;
}

/** The container, and what `exec` runs there. */
interface RemoteQuery {
  readonly container: string;
  readonly command?: readonly string[];
}

/** Yields what a process writes to its standard output, returns its exit code. */
export type RemoteProcess = AsyncGenerator<Uint8Array, number>;

/** The server's words that the process could not be run. */
class RemoteProcessError extends CliError {}

/**
 * Runs until the process ends. Resolves to its exit code.
 * @param path of the subresource; `query` what it takes beside the streams
 * @throws RemoteProcessError, KubeApiError, CliError
 */
export function runRemoteProcess(
  context: KubectlContext,
  path: string,
  query: RemoteQuery,
  streams: RemoteStreams,
): Promise<number> {
  const writeError = (data: Uint8Array) => streams.write("stderr", data);
  const process = remoteProcess(context, path, query, { ...streams, writeError });
  return untilEnded(process, (data) => streams.write("stdout", data));
}

/** Resolves to the exit code. @param write takes the output; the next waits until it resolves */
export async function untilEnded(
  process: RemoteProcess,
  write: (data: Uint8Array) => Promise<void> | void = () => {},
): Promise<number> {
  try {
    for (;;) {
      const next = await process.next();
      if (next.done) return next.value;
      await write(next.value);
    }
  } finally {
    await process.return(0);
  }
}

/**
 * The same for a reader with a speed of its own: output that is not asked for stays with the process, and leaving early ends the
 * connection.
 */
export async function* remoteProcess(
  context: KubectlContext,
  path: string,
  query: RemoteQuery,
  streams: RemoteErrors,
): RemoteProcess {
  const { access } = await context.api();
  const words = (query.command ?? []).map((word) => `command=${encodeURIComponent(word)}`).join("&");
  const full = withQuery(words === "" ? path : `${path}?${words}`, {
    container: query.container,
    stdin: streams.input !== undefined,
    stdout: true,
    stderr: !streams.tty,
    tty: streams.tty,
  });
  const socket = await PodWebSocket.open(access, full);
  const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const stopFollowing = streams.followSize?.(({ rows, columns }) => {
    socket.send(CHANNELS.resize, encode({ Width: columns, Height: rows })).catch(() => {});
  });
  const input = streams.input === undefined ? undefined : sendInput(socket, streams.input);
  try {
    for await (const { channel, data } of socket.messages()) {
      // The server announces each channel by an empty message.
      if (data.length === 0) continue;
      if (channel === CHANNELS.stdout) yield data;
      else if (channel === CHANNELS.stderr) await streams.writeError(data);
      else if (channel === CHANNELS.error) return exitCodeOf(data);
    }
    return 0;
  } catch (error) {
    throw input?.failure() ?? error;
  } finally {
    stopFollowing?.();
    input?.stop();
    socket.close();
  }
}

function sendInput(socket: PodWebSocket, input: AsyncIterable<Uint8Array>) {
  const iterator = input[Symbol.asyncIterator]();
  let failure: unknown;
  const nextPiece = async () => {
    try {
      return await iterator.next();
    } catch (error) {
      // The process would wait for the rest for ever.
      failure = error;
      socket.close();
      throw error;
    }
  };
  const copy = async () => {
    for (let next = await nextPiece(); !next.done; next = await nextPiece()) {
      await socket.send(CHANNELS.stdin, next.value);
    }
    await socket.endChannel(CHANNELS.stdin);
  };
  // A process that has ended takes no more; its status tells the rest.
  copy().catch(() => {});
  return {
    stop: () => void iterator.return?.()?.catch(() => {}),
    /** Why the input could not be read to its end. */
    failure: () => failure,
  };
}

/** The last message: a Status, which says how the process ended. */
function exitCodeOf(data: Uint8Array): number {
  const text = new TextDecoder().decode(data);
  let status: ApiStatus;
  try {
    status = JSON.parse(text) as ApiStatus;
  } catch {
    throw new RemoteProcessError(`error: ${text}`);
  }
  if (status.status === "Success") return 0;
  if (status.reason === "NonZeroExitCode") {
    const code = status.details?.causes?.find(({ reason }) => reason === "ExitCode")?.message;
    if (code !== undefined && /^\d+$/.test(code)) return Number(code);
  }
  throw new RemoteProcessError(`error: ${status.message ?? text}`);
}
