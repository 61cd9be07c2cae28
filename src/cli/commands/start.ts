import type { ContainerInspect } from "../../model/container.ts";
import { attachContainer, checkInputTerminal, chosenDetachKeys } from "../attach.ts";
import { CliError } from "../cli-error.ts";
import type { ApiClient } from "../client.ts";
import { type CommandContext, defineCommand, minArgs } from "../command.ts";
import { bool, string } from "../flag-types.ts";
import { objectPath } from "../object-path.ts";
import { proxySignals } from "../signal-proxy.ts";
import { runSession } from "../stream-session.ts";
import { followTerminalSize } from "../terminal.ts";
import { startWaiting } from "../wait-container.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Start containers that do not run",
  aliases: ["container start", "start"],
  args: minArgs(1),
  flags: {
    attach: bool("Show its output and pass signals on", { short: "a" }),
    checkpoint: string("A checkpoint to go on from"),
    "checkpoint-dir": string("Folder of checkpoints"),
    "detach-keys": string("Keys that leave the container and let it run"),
    interactive: bool("Pass on standard input", { short: "i" }),
  },
  async run({ flags, args, given, context }) {
    for (const flag of ["checkpoint", "checkpoint-dir"] as const) {
      if (!given(flag)) continue;
      throw new CliError(`"--${flag}" is only supported on a Docker daemon with experimental features enabled`);
    }
    const client = await context.client();
    if (!flags.attach && !flags.interactive) return startAll(context, client, args);
    if (args.length > 1) throw new CliError("you cannot start and attach multiple containers at once");
    const detachKeys = await chosenDetachKeys(context, flags["detach-keys"]);
    return startAttached(client, args[0]!, flags.interactive, detachKeys);
  },
});

async function startAll(context: CommandContext, client: ApiClient, names: string[]): Promise<number> {
  const failed: string[] = [];
  for (const name of names) {
    try {
      await client.post(`${objectPath("container", name)}/start`);
      context.print(`${name}\n`);
    } catch (error) {
      context.printError(`${error instanceof Error ? error.message : error}\n`);
      failed.push(name);
    }
  }
  if (failed.length > 0) throw new CliError(`Error: failed to start containers: ${failed.join(", ")}`);
  return 0;
}

/** Starts one container with our streams. Resolves to its exit code, or 0 after detaching. */
async function startAttached(
  client: ApiClient,
  name: string,
  isInteractive: boolean,
  detachKeys: string,
): Promise<number> {
  const { Id, Config, HostConfig } = await client.get<ContainerInspect>(`${objectPath("container", name)}/json`);
  const tty = Config.Tty === true;
  const stdin = isInteractive && Config.OpenStdin === true;
  checkInputTerminal(stdin, tty);
  const unproxy = tty ? () => {} : proxySignals(client, Id);
  try {
    const [stream, waiting] = await Promise.all([
      attachContainer(client, Id, { stdin, stdout: true, stderr: true, detachKeys }),
      startWaiting(client, Id, HostConfig.AutoRemove ? "removed" : "next-exit"),
    ]);
    const session = runSession(stream, { tty, stdin, output: true, detachKeys });
    session.catch(() => {}); // seen below; a failed start is told first
    try {
      await client.post(`/containers/${Id}/start`);
    } catch (error) {
      stream.close();
      await session.catch(() => {});
      throw error;
    }
    const unfollow = tty ? followTerminalSize(client, `/containers/${Id}/resize`) : () => {};
    const end = await session.finally(unfollow);
    return end === "detached" ? 0 : waiting.exitCode;
  } finally {
    unproxy();
  }
}
