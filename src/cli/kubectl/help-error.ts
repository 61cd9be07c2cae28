import { CliError } from "../cli-error.ts";

/** A failure that shows the command's help before its words. Without words the help is the answer, and no failure. */
export class HelpError extends CliError {
  constructor(message = "") {
    super(message, message === "" ? 0 : 1);
  }
}

/** A failure whose words are followed by where help is. */
export class UsageError extends CliError {}

/** @throws HelpError unless there are as many words as wanted */
export function checkWordCount(args: readonly string[], wanted: number): void {
  if (args.length !== wanted) throw new HelpError(`error: Unexpected args: [${args.join(" ")}]`);
}
