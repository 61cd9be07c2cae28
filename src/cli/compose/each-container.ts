import type { ObservedContainer } from "../../compose/contract.ts";
import { errorText } from "../../lib/errors.ts";
import { Slots } from "../../lib/slots.ts";
import { CliError } from "../cli-error.ts";
import type { ComposeContext } from "./declaration.ts";
import { parallelLimit } from "./parallel-limit.ts";
import { openProgressDisplay } from "./progress-display.ts";

/** Does one thing to containers beside each other, with progress. `told` is the word of a dry run. Throws CliError with all failures. */
export async function eachContainer(
  context: ComposeContext,
  containers: readonly ObservedContainer[],
  words: readonly [going: string, done: string, told?: string],
  work: (container: ObservedContainer) => Promise<unknown>,
): Promise<void> {
  if (context.isDryRun) {
    const told = (words[2] ?? words[1]).toLowerCase();
    for (const { name } of containers) context.print(`Would be ${told}: Container ${name}\n`);
    return;
  }
  const display = openProgressDisplay(context, words[0]);
  const slots = new Slots(() => parallelLimit(context));
  const failures: string[] = [];
  const one = async (container: ObservedContainer) => {
    const release = await slots.take();
    const id = `Container ${container.name}`;
    display.take({ id, state: "working", text: words[0] });
    try {
      await work(container);
      display.take({ id, state: "done", text: words[1] });
    } catch (error) {
      display.take({ id, state: "error", text: `Error while ${words[0]}` });
      failures.push(errorText(error));
    } finally {
      release();
    }
  };
  await Promise.all(containers.map(one));
  display.finish();
  if (failures.length > 0) throw new CliError(failures.join("\n"));
}
