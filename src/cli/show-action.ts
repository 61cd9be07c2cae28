import type { HttpResponse } from "../lib/http-client.ts";
import { jsonLines } from "../lib/json-lines.ts";
import type { CommandContext } from "./command.ts";
import { isTerminal } from "./output.ts";
import { type ProgressMessage, showProgress } from "./progress.ts";

interface ShowOptions {
  /** Shows nothing but failures. */
  quiet?: boolean;
  /** The descriptor that progress goes to. */
  to?: 1 | 2;
  /** Takes what the messages bear for programs. */
  onAux?(aux: unknown): void;
}

/** Shows the progress in an answer of the daemon. Throws CliError when the action failed. */
export async function showAction(
  context: CommandContext,
  answer: HttpResponse,
  { quiet = false, to = 1, onAux }: ShowOptions = {},
): Promise<void> {
  const atTerminal = isTerminal(to) && !quiet;
  const write = to === 1 ? context.print : context.printError;
  await showProgress(jsonLines<ProgressMessage>(answer.chunks()), {
    write: quiet ? () => {} : write,
    isTerminal: atTerminal,
    columns: atTerminal ? process.stdout.columns : undefined,
    onAux,
  });
}
