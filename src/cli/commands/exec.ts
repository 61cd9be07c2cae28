import { checkInputTerminal, chosenDetachKeys } from "../attach.ts";
import { CliError } from "../cli-error.ts";
import type { ApiClient } from "../client.ts";
import { defineCommand, minArgs } from "../command.ts";
import { checkEnv, environmentOf } from "../container-options/environment.ts";
import { bool, list, string } from "../flag-types.ts";
import { objectPath } from "../object-path.ts";
import { isTerminal } from "../output.ts";
import { runSession } from "../stream-session.ts";
import { followTerminalSize, terminalSize } from "../terminal.ts";

interface ExecRequest {
  User: string;
  Privileged: boolean;
  Tty: boolean;
  ConsoleSize?: [number, number];
  AttachStdin: boolean;
  AttachStderr: boolean;
  AttachStdout: boolean;
  DetachKeys: string;
  Env: string[] | null;
  WorkingDir: string;
  Cmd: string[];
}

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
  summary: "Run a command inside a running container",
  aliases: ["container exec", "exec"],
  args: minArgs(2),
  interspersed: false,
  flags: {
    detach: bool("Start the command and do not wait for it", { short: "d" }),
    "detach-keys": string("Keys that leave the container and let it run"),
    env: list("A variable, as NAME=value", { short: "e", check: checkEnv }),
    "env-file": list("A file with variables, one a line"),
    interactive: bool("Keep standard input open with nobody attached", { short: "i" }),
    privileged: bool("Nearly all rights of this machine for the command"),
    tty: bool("Give the process a terminal", { short: "t" }),
    user: string('Username or UID (format: "<name|uid>[:<group|gid>]")', { short: "u" }),
    workdir: string("Folder to run the command in", { short: "w" }),
  },
  async run({ flags, args, context }) {
    const [container, ...words] = args;
    const { tty } = flags;
    const isAttached = !flags.detach;
    const detachKeys = await chosenDetachKeys(context, flags["detach-keys"]);
    const request: ExecRequest = {
      User: flags.user,
      Privileged: flags.privileged,
      Tty: tty,
      AttachStdin: isAttached && flags.interactive,
      AttachStderr: isAttached,
      AttachStdout: isAttached,
      DetachKeys: detachKeys,
      Env: environmentOf(flags["env-file"], flags.env),
      WorkingDir: flags.workdir,
      Cmd: words,
    };
    checkInputTerminal(request.AttachStdin, tty);
    const size = tty && isTerminal(1) ? terminalSize() : undefined;
    if (size) request.ConsoleSize = [size.rows, size.columns];
    const client = await context.client();
    const { Id } = await client.post<{ Id: string }>(`${objectPath("container", container!)}/exec`, { json: request });
    const start = { Detach: flags.detach, Tty: tty, ...(size && { ConsoleSize: request.ConsoleSize }) };
    if (flags.detach) {
      await client.post(`/exec/${Id}/start`, { json: start });
      return 0;
    }
    return execAttached(client, Id, start, request);
  },
});

async function execAttached(client: ApiClient, id: string, start: object, request: ExecRequest): Promise<number> {
  const stream = await client.hijack(`/exec/${id}/start`, { json: start });
  const unfollow = request.Tty ? followTerminalSize(client, `/exec/${id}/resize`) : () => {};
  const end = await runSession(stream, {
    tty: request.Tty,
    stdin: request.AttachStdin,
    output: true,
    detachKeys: request.DetachKeys,
  }).finally(unfollow);
  if (end === "detached") throw new CliError("read escape sequence");
  return (await client.get<{ ExitCode: number | null }>(`/exec/${id}/json`)).ExitCode ?? 0;
}
