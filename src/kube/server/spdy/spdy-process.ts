/** A process over SPDY: a stream each for input, output, errors, its end and the size of its terminal. */
import type { PodStreamOptions } from "../../node/contract.ts";
import { StatusError } from "../../status.ts";
import type { ApiExchange } from "../api-exchange.ts";
import type { ProcessInput, ProcessPeer } from "../remote-process.ts";
import { resize } from "../websocket-process.ts";
import type { SpdyStream } from "./spdy-session.ts";
import { acceptSpdy } from "./spdy-upgrade.ts";

const PROTOCOLS = ["v4.channel.k8s.io"];
/** Clients open their streams at once. */
const STREAMS_WITHIN_MS = 30_000;

/** Resolves when the client has opened all its streams. @throws StatusError BadRequest, Timeout */
export async function acceptSpdyProcess(
  exchange: ApiExchange,
  options: PodStreamOptions,
  input: ProcessInput,
): Promise<ProcessPeer> {
  const wanted = wantedStreams(options);
  const streams = new Map<string, SpdyStream>();
  const complete = Promise.withResolvers<void>();
  const connection = acceptSpdy(exchange, PROTOCOLS, {
    onStream(stream) {
      const type = stream.headers.get("streamtype") ?? "";
      if (!wanted.has(type) || streams.has(type)) return void stream.reset().catch(() => {});
      streams.set(type, stream);
      if (type === "stdin") {
        stream.onData = (data) => input.onInput(data);
        stream.onEnd = () => input.onInputEnd();
      }
      if (type === "resize") stream.onData = async (data) => resizeAll(input, data);
      if (streams.size === wanted.size) complete.resolve();
    },
    onClose() {
      input.onGone();
      complete.reject(new StatusError("Timeout", "the client went away before it opened all streams"));
    },
  });
  const timer = setTimeout(
    () => complete.reject(new StatusError("Timeout", "the client did not open all streams in time")),
    STREAMS_WITHIN_MS,
  );
  await complete.promise.finally(() => clearTimeout(timer));
  return {
    write: async (stream, data) => await streams.get(stream)?.write(data),
    finish: async (status) => {
      await streams.get("error")?.write(new TextEncoder().encode(JSON.stringify(status)));
      for (const stream of streams.values()) await stream.end();
      connection.close();
    },
  };
}

function wantedStreams({ stdin, stdout, stderr, tty }: PodStreamOptions): Set<string> {
  const names = { stdin, stdout, stderr: stderr && !tty, resize: tty };
  const wanted = Object.entries(names).filter(([, isWanted]) => isWanted);
  return new Set(["error", ...wanted.map(([name]) => name)]);
}

/** Several sizes may come in one piece, one after the other. */
function resizeAll(input: ProcessInput, data: Uint8Array): void {
  const last = new TextDecoder()
    .decode(data)
    .match(/\{[^{}]*\}/g)
    ?.at(-1);
  if (last !== undefined) resize(input, new TextEncoder().encode(last));
}
