import { attachContainer, checkInputTerminal, chosenDetachKeys } from "../attach.ts";
import { CliError } from "../cli-error.ts";
import type { ApiClient } from "../client.ts";
import { defineCommand, minArgs } from "../command.ts";
import { createContainer, refuseWindowsFlags, runFailureCode, withHelpHint } from "../container-create.ts";
import { containerFlags, pullFlag } from "../container-flags.ts";
import { type ContainerRequest, containerRequest } from "../container-request.ts";
import { bool, string } from "../flag-types.ts";
import { isTerminal } from "../output.ts";
import { proxySignals } from "../signal-proxy.ts";
import { runSession } from "../stream-session.ts";
import { followTerminalSize, terminalSize } from "../terminal.ts";
import { startWaiting } from "../wait-container.ts";

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  summary: "Make a container from an image and start it",
  aliases: ["container run", "run"],
  args: minArgs(1),
  interspersed: false,
  flags: {
    ...containerFlags,
    detach: bool("Start it, print its id and come back", { short: "d" }),
    "detach-keys": string("Keys that leave the container and let it run"),
    pull: pullFlag("running"),
    "sig-proxy": bool("Hand signals on to the process", { initial: true }),
  },
  async run({ flags, args, given, context }) {
    refuseWindowsFlags(given);
    if (flags.detach && flags.attach.length > 0) {
      throw new CliError("conflicting options: cannot specify both --attach and --detach");
    }
    const fail = (error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      return withHelpHint(context, "run", error, runFailureCode(message));
    };
    let request: ContainerRequest;
    try {
      request = containerRequest(flags, given, args, flags.detach);
    } catch (error) {
      throw withHelpHint(context, "run", error, 125);
    }
    checkInputTerminal(request.AttachStdin === true, flags.tty);
    if (flags.tty && isTerminal(1)) request.HostConfig.ConsoleSize = consoleSize();
    const client = await context.client();
    const attaches = Boolean(request.AttachStdin || request.AttachStdout || request.AttachStderr);
    // The connections for attach and wait open while the daemon creates the container.
    if (attaches) client.warm(3);
    let id: string;
    try {
      id = await createContainer(context, request, { flags, pull: flags.pull });
    } catch (error) {
      throw withHelpHint(context, "run", error, 125);
    }
    if (!attaches) {
      await client.post(`/containers/${id}/start`).catch((error) => {
        throw fail(error);
      });
      await context.printOnly(`${id}\n`);
      return 0;
    }
    const detachKeys = await chosenDetachKeys(context, flags["detach-keys"]);
    const unproxy = flags["sig-proxy"] ? proxySignals(client, id) : () => {};
    try {
      return await runAttached(client, id, request, detachKeys, fail);
    } finally {
      unproxy();
    }
  },
});

function consoleSize(): [number, number] {
  const size = terminalSize();
  return size ? [size.rows, size.columns] : [0, 0];
}

/** Starts the container with its streams connected to ours. Resolves to its exit code, or 0 after detaching. */
async function runAttached(
  client: ApiClient,
  id: string,
  request: ContainerRequest,
  detachKeys: string,
  fail: (error: unknown) => CliError,
): Promise<number> {
  const { AttachStdin: stdin = false, AttachStdout: stdout = false, AttachStderr: stderr = false } = request;
  const tty = request.Tty === true;
  // Both must be known to the daemon before the start: no output and no quick end may be missed.
  const [stream, waiting] = await Promise.all([
    attachContainer(client, id, { stdin, stdout, stderr, detachKeys }),
    startWaiting(client, id, request.HostConfig.AutoRemove ? "removed" : "next-exit"),
  ]);
  const session = runSession(stream, { tty, stdin, output: stdout || stderr, detachKeys });
  session.catch(() => {}); // seen below; a failed start is told first
  try {
    await client.post(`/containers/${id}/start`);
  } catch (error) {
    stream.close();
    await session.catch(() => {});
    if (request.HostConfig.AutoRemove) await waiting.exitCode;
    throw fail(error);
  }
  const unfollow = tty ? followTerminalSize(client, `/containers/${id}/resize`) : () => {};
  const end = await session.finally(unfollow);
  if (end === "detached") return 0;
  return waiting.exitCode;
}
