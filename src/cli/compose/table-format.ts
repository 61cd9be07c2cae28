import { CliError } from "../cli-error.ts";

/** Of commands that print a table or JSON only. Throws CliError. */
export function checkTableOrJson(format: string): void {
  if (format === "" || format === "table" || format === "json") return;
  throw new CliError(`format value ${JSON.stringify(format)} could not be parsed: use table or json`);
}
