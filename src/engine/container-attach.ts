/** Attaching to a container: before its start, while it runs, with a replay of its log. */
import { NaruError } from "../lib/errors.ts";
import type { OutputChunk } from "../runtime/contract.ts";
import { Session } from "./attach-session.ts";
import { readContainerLog } from "./container-logs.ts";
import type { AttachOptions, AttachSession } from "./contract.ts";
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from "./detach-keys.ts";
import { type EngineContext, publishContainerEvent } from "./engine-context.ts";

/** Several clients may be attached at once. @throws {NaruError} conflict for a paused or restarting container */
export async function attachContainer(
  context: EngineContext,
  ref: string,
  options: AttachOptions,
): Promise<AttachSession> {
  const detachKeys = parseDetachKeys(options.detachKeys || DEFAULT_DETACH_KEYS);
  const container = context.containers.get(ref);
  const { config, state } = container.record;
  if (state.status === "paused") {
    throw new NaruError("conflict", `container ${ref} is paused, unpause the container before attach`);
  }
  if (state.status === "restarting") {
    throw new NaruError("conflict", `container ${ref} is restarting, wait until the container is running`);
  }
  const tty = config.Tty ?? false;
  const stdin = options.stdin && (config.OpenStdin ?? false);
  const session = new Session({
    tty,
    stdin,
    stdout: options.stdout,
    stderr: options.stderr,
    detachKeys,
    process: () => container.nextProcess(),
    closesStdin: (config.StdinOnce ?? false) && !tty,
    onDetach: () => publishContainerEvent(context, container, "detach"),
  });
  publishContainerEvent(context, container, "attach");
  if (!options.logs) {
    if (options.stream) session.joined(container.output.add(session));
    else session.end();
    return session;
  }
  const past = await pastOutput(context, ref, options);
  // Live output is collected from now on; what the process writes while the log is read may come twice.
  if (options.stream && container.hasProcess) session.joined(container.output.add(session));
  else if (options.stream && state.status === "created") session.joined(container.output.add(session));
  else session.end();
  return withReplay(session, past);
}

async function pastOutput(context: EngineContext, ref: string, options: AttachOptions) {
  const container = context.containers.get(ref);
  await container.process?.flushLog();
  const { chunks } = await readContainerLog(
    context,
    ref,
    { follow: false, stdout: options.stdout, stderr: options.stderr, timestamps: false, details: false },
    new AbortController().signal,
  );
  return chunks;
}

function withReplay(session: Session, past: AsyncIterable<OutputChunk>): AttachSession {
  async function* output() {
    yield* past;
    yield* session.output;
  }
  return {
    tty: session.tty,
    output: output(),
    write: (chunk) => session.write(chunk),
    closeInput: () => session.closeInput(),
    close: () => session.close(),
  };
}
