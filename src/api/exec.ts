/** Tag "Exec": commands in running containers. */
import type { AttachSession, ContainerService, ExecService } from "../engine/contract.ts";
import { errorText, NaruError } from "../lib/errors.ts";
import type { ExecCreateRequest, ExecStartRequest } from "../model/container.ts";
import type { OutputChunk } from "../runtime/contract.ts";
import { badRequest } from "./errors.ts";
import { openStream } from "./hijack.ts";
import { readJsonBody } from "./request-body.ts";
import { execCreateShape, execStartShape } from "./request-shapes.ts";
import type { Call, Handlers } from "./router.ts";

/** What these routes need of the engine. */
type ExecBackend = Pick<ExecService, "create" | "start" | "resize" | "inspect">;

type ContainerStates = Pick<ContainerService, "inspect">;

export function execHandlers(execs: ExecBackend, containers: ContainerStates): Handlers {
  return {
    ContainerExec: (call) => create(execs, call),
    ExecStart: (call) => start(execs, containers, call),
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

async function start(execs: ExecBackend, containers: ContainerStates, call: Call): Promise<void> {
  const id = execId(call);
  const request = (await readJsonBody<ExecStartRequest>(call.exchange, execStartShape)) ?? {};
  const { OpenStdin, ContainerID } = execs.inspect(id);
  const detach = request.Detach ?? false;
  const tty = request.Tty ?? false;
  const consoleSize = tty && call.version >= 42 ? (request.ConsoleSize ?? undefined) : undefined;
  if (detach) {
    await execs.start(id, { detach, tty, consoleSize });
    return call.exchange.empty(200);
  }
  await checkRuns(containers, ContainerID);
  // The headers go first: some clients lose output that comes in one piece with them.
  const stream = await openStream(call.exchange, { version: call.version, tty, stdin: OpenStdin });
  await stream.join(await startSession(execs, id, { detach, tty, consoleSize }));
}

/** @throws conflict, as an ordinary answer, when the container was stopped or paused since the exec was created. */
async function checkRuns(containers: ContainerStates, id: string): Promise<void> {
  const { State } = await containers.inspect(id);
  if (!State.Running) throw new NaruError("conflict", `container ${id} is not running`);
  if (State.Paused) throw new NaruError("conflict", `container ${id} is paused, unpause the container before exec`);
}

/** A command that cannot start is told as its output: the status line has left. Its exit code tells which failure it was. */
async function startSession(
  execs: ExecBackend,
  id: string,
  options: { detach: boolean; tty: boolean; consoleSize?: [number, number] },
): Promise<AttachSession> {
  try {
    return (await execs.start(id, options)) ?? failedSession(options.tty, "");
  } catch (error) {
    return failedSession(options.tty, `${errorText(error)}\r\n`);
  }
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
