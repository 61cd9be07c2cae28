import type { HttpResponse } from "../lib/http-client.ts";
import { jsonLines } from "../lib/json-lines.ts";
import type { CommandContext } from "./command.ts";
import { isTerminal } from "./output.ts";
import { type ProgressMessage, showProgress } from "./progress.ts";

/** Shows the progress in an answer of the daemon on standard output. Throws CliError when the action failed. */
export async function showAction(context: CommandContext, answer: HttpResponse): Promise<void> {
  const atTerminal = isTerminal(1);
  await showProgress(jsonLines<ProgressMessage>(answer.chunks()), {
    write: context.print,
    isTerminal: atTerminal,
    columns: atTerminal ? process.stdout.columns : undefined,
  });
}
