import type { ContainerInspect } from "../../model/container.ts";
import { attachContainer, checkInputTerminal, chosenDetachKeys } from "../attach.ts";
import { CliError } from "../cli-error.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { bool, string } from "../flag-types.ts";
import { objectPath } from "../object-path.ts";
import { proxySignals } from "../signal-proxy.ts";
import { runSession } from "../stream-session.ts";
import { followTerminalSize } from "../terminal.ts";
import { startWaiting } from "../wait-container.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER",
  summary: "Connect this terminal to a running container",
  aliases: ["container attach", "attach"],
  args: exactArgs(1),
  flags: {
    "detach-keys": string("Keys that leave the container and let it run"),
    "no-stdin": bool("Leave standard input alone"),
    "sig-proxy": bool("Hand signals on to the process", { initial: true }),
  },
  async run({ flags, args, context }) {
    const client = await context.client();
    const { Id, State, Config } = await client.get<ContainerInspect>(`${objectPath("container", args[0]!)}/json`);
    if (!State.Running) throw new CliError("You cannot attach to a stopped container, start it first");
    if (State.Paused) throw new CliError("You cannot attach to a paused container, unpause it first");
    if (State.Restarting) throw new CliError("You cannot attach to a restarting container, wait until it is running");
    const tty = Config.Tty === true;
    const stdin = !flags["no-stdin"] && Config.OpenStdin === true;
    checkInputTerminal(stdin, tty);
    const detachKeys = await chosenDetachKeys(context, flags["detach-keys"]);
    const [stream, waiting] = await Promise.all([
      attachContainer(client, Id, { stdin, stdout: true, stderr: true, detachKeys }),
      startWaiting(client, Id, "not-running"),
    ]);
    const unproxy = flags["sig-proxy"] && !tty ? proxySignals(client, Id) : () => {};
    const unfollow = tty ? followTerminalSize(client, `/containers/${Id}/resize`, true) : () => {};
    const end = await runSession(stream, { tty, stdin, output: true, detachKeys }).finally(() => {
      unproxy();
      unfollow();
    });
    if (end === "detached") throw new CliError("read escape sequence");
    return waiting.exitCode;
  },
});
