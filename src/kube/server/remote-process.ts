/** exec and attach: a process' streams over one connection, by WebSocket or SPDY. */
import { errorText } from "../../lib/errors.ts";
import type { PodProcess, PodStreamOptions } from "../node/contract.ts";
import { StatusError } from "../status.ts";
import type { ApiExchange } from "./api-exchange.ts";
import { acceptSpdyProcess } from "./spdy/spdy-process.ts";
import { acceptWebSocketProcess } from "./websocket-process.ts";

/** The client's side of a process, whatever carries it. */
export interface ProcessPeer {
  /** Resolves when the connection takes more. @throws when the client is gone */
  write(stream: "stdout" | "stderr", data: Uint8Array): Promise<void>;
  /** Tells how it ended (a Status object) and ends the connection. */
  finish(status: unknown): Promise<void>;
}

export interface ProcessInput {
  /** Called one after the other, each when the last has resolved. */
  onInput(data: Uint8Array): Promise<void>;
  onInputEnd(): void;
  onResize(rows: number, columns: number): void;
  onGone(): void;
}

/**
 * Accepts the upgrade, starts the process by `open`, and carries its streams until it ends or the client goes.
 * @throws StatusError BadRequest when the request asks for no upgrade that we speak
 */
export async function serveProcess(
  exchange: ApiExchange,
  options: PodStreamOptions,
  open: () => Promise<PodProcess>,
): Promise<void> {
  const started = Promise.withResolvers<PodProcess>();
  started.promise.catch(() => {});
  const input: ProcessInput = {
    onInput: async (data) => await (await started.promise).write(data),
    onInputEnd: () => void started.promise.then((process) => process.closeInput()).catch(() => {}),
    onResize: (rows, columns) => void started.promise.then((process) => process.resize(rows, columns)).catch(() => {}),
    onGone: () => void started.promise.then((process) => process.close()).catch(() => {}),
  };
  const peer = await acceptPeer(exchange, options, input);
  try {
    const process = await open();
    started.resolve(process);
    if (exchange.signal.aborted) process.close();
    await copyOutput(process, options, peer);
    await peer.finish(exitStatus(await process.exitCode()));
  } catch (error) {
    started.reject(error);
    if (exchange.signal.aborted) return;
    await peer.finish(failureStatus(error));
  }
}

async function acceptPeer(exchange: ApiExchange, options: PodStreamOptions, input: ProcessInput): Promise<ProcessPeer> {
  if (exchange.upgradeProtocol === "websocket") return acceptWebSocketProcess(exchange, input);
  if (exchange.upgradeProtocol === "spdy/3.1") return await acceptSpdyProcess(exchange, options, input);
  throw new StatusError("BadRequest", "Upgrade request required");
}

async function copyOutput(process: PodProcess, options: PodStreamOptions, peer: ProcessPeer): Promise<void> {
  for await (const { stream, data } of process.output) {
    const isWanted = stream === "stdout" ? options.stdout : options.stderr || options.tty;
    if (isWanted) await peer.write(options.tty ? "stdout" : stream, data);
  }
}

function exitStatus(code: number): unknown {
  if (code === 0) return { metadata: {}, status: "Success" };
  return {
    metadata: {},
    status: "Failure",
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: String(code) }] },
  };
}

function failureStatus(error: unknown): unknown {
  const known = error instanceof StatusError ? error : new StatusError("InternalError", errorText(error));
  return known.toStatus();
}
