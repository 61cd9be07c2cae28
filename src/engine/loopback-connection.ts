/** One TCP connection whose descriptor was opened inside a network namespace. */
import type { Socket, SocketHandler, UnixSocketOptions } from "bun";
import { ChunkQueue } from "./chunk-queue.ts";
import type { LoopbackConnection } from "./contract.ts";

/** Takes the descriptor over. */
export async function openLoopbackConnection(descriptor: number): Promise<LoopbackConnection> {
  const incoming = new ChunkQueue();
  let drained: PromiseWithResolvers<void> | undefined;
  let isClosed = false;
  const over = () => {
    isClosed = true;
    incoming.end();
    drained?.resolve();
  };
  const socket = await adopt(descriptor, {
    data: (socket, data) => {
      // A client that reads slowly slows the process in the pod down instead of filling the daemon's memory.
      const taken = incoming.push({ stream: "stdout", data });
      if (taken === undefined) return;
      socket.pause();
      void taken.then(() => socket.resume());
    },
    drain: () => drained?.resolve(),
    end: () => incoming.end(),
    close: over,
    error: over,
  });
  const send = async (chunk: Uint8Array) => {
    let rest = chunk;
    while (!isClosed) {
      const sent = socket.write(rest);
      if (sent < 0 || sent === rest.length) return;
      rest = rest.subarray(sent);
      drained = Promise.withResolvers();
      await drained.promise;
    }
  };
  let sending = Promise.resolve();
  return {
    data: bytesOf(incoming),
    write: (chunk) => {
      sending = sending.then(() => send(chunk));
      return sending;
    },
    end: () => void sending.then(() => socket.shutdown()),
    close: () => {
      socket.end();
      over();
    },
  };
}

async function* bytesOf(queue: ChunkQueue): AsyncGenerator<Uint8Array> {
  for await (const { data } of queue) yield data;
}

/** Bun.connect() takes an open descriptor (FdSocketOptions), though its type does not list that form. */
function adopt(fd: number, socket: SocketHandler): Promise<Socket> {
  return Bun.connect({ fd, socket, allowHalfOpen: true } as unknown as UnixSocketOptions<undefined>);
}
