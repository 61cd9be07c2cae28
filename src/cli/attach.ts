import type { UpgradedStream } from "../lib/http-client.ts";
import { CliError } from "./cli-error.ts";
import type { ApiClient } from "./client.ts";
import type { CommandContext } from "./command.ts";
import { isTerminal } from "./output.ts";

interface AttachRequest {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  detachKeys: string;
  /** Replays what was written before. */
  logs?: boolean;
}

/** Attaches to a container's streams, before or after its start. */
export function attachContainer(client: ApiClient, container: string, request: AttachRequest): Promise<UpgradedStream> {
  const { stdin, stdout, stderr, detachKeys, logs } = request;
  return client.hijack(`/containers/${container}/attach`, {
    query: { stream: true, stdin, stdout, stderr, logs, detachKeys: detachKeys || undefined },
  });
}

/** Refuses to give a terminal to a container when our own input is none. */
export function checkInputTerminal(attachesStdin: boolean, tty: boolean): void {
  if (attachesStdin && tty && !isTerminal(0)) throw new CliError("the input device is not a TTY");
}

/** The keys that detach: of the flag, else of the configuration file, else empty for the daemon's default. */
export async function chosenDetachKeys(context: CommandContext, flag: string): Promise<string> {
  return flag || (await context.config()).detachKeys || "";
}
