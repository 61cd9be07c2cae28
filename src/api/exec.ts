/** Tag "Exec": commands in running containers. */
import type { AttachSession, ExecService } from "../engine/contract.ts";
import { errorText, isKind } from "../lib/errors.ts";
import type { ExecCreateRequest, ExecStartRequest } from "../model/container.ts";
import type { OutputChunk } from "../runtime/contract.ts";
import { badRequest } from "./errors.ts";
import { serveSession } from "./hijack.ts";
import { readJsonBody } from "./request-body.ts";
import { execCreateShape, execStartShape } from "./request-shapes.ts";
import type { Call, Handlers } from "./router.ts";

/** What these routes need of the engine. */
type ExecBackend = Pick<ExecService, "create" | "start" | "resize" | "inspect">;

export function execHandlers(execs: ExecBackend): Handlers {
  return {
    ContainerExec: (call) => create(execs, call),
    ExecStart: (call) => start(execs, call),
    ExecResize: (call) => resize(execs, call),
    ExecInspect: (call) => call.exchange.json(200, execs.inspect(execId(call))),
  };
}

function execId(call: Call): string {
  return call.path.id ?? "";
}

async function create(execs: ExecBackend, call: Call): Promise<void> {
  const request = (await readJsonBody<ExecCreateRequest>(call.exchange, execCreateShape)) ?? {};
  if (!request.Cmd || request.Cmd.length === 0) throw badRequest("No exec command specified");
  if (call.version < 42) delete request.ConsoleSize;
  const { Id } = await execs.create(call.path.id ?? "", request);
  call.exchange.json(201, { Id });
}

async function start(execs: ExecBackend, call: Call): Promise<void> {
  const id = execId(call);
  const request = (await readJsonBody<ExecStartRequest>(call.exchange, execStartShape)) ?? {};
  const { OpenStdin, ProcessConfig } = execs.inspect(id);
  const detach = request.Detach ?? false;
  const tty = request.Tty ?? false;
  const consoleSize = tty && call.version >= 42 ? (request.ConsoleSize ?? undefined) : undefined;
  let session: AttachSession | undefined;
  try {
    session = await execs.start(id, { detach, tty, consoleSize });
  } catch (error) {
    // Docker has taken over the connection by the time it starts the command: its failure is the command's output, and
    // the exit code tells which it was.
    if (detach || isKind(error, "not-found") || isContainerState(error)) throw error;
    session = failedSession(ProcessConfig.tty, `${errorText(error)}\r\n`);
  }
  if (session === undefined) return call.exchange.empty(200);
  await serveSession(call.exchange, session, { version: call.version, stdin: OpenStdin });
}

/** The container stopped or was paused since the exec was created: an ordinary answer. */
function isContainerState(error: unknown): boolean {
  return isKind(error, "conflict") && /is not running|is paused|is restarting/.test(errorText(error));
}

function failedSession(tty: boolean, message: string): AttachSession {
  return {
    tty,
    output: (async function* (): AsyncGenerator<OutputChunk> {
      yield { stream: "stdout", data: Buffer.from(message) };
    })(),
    write: () => Promise.resolve(),
    closeInput: () => {},
    close: () => {},
  };
}

async function resize(execs: ExecBackend, call: Call): Promise<void> {
  const rows = call.query.terminalSize("h", "height");
  const columns = call.query.terminalSize("w", "width");
  await execs.resize(execId(call), rows, columns);
  call.exchange.empty(200);
}
