import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";

/** What docker's builder plugin takes with every command. */
export const builderFlags = {
  builder: string("Name of the builder; there is one, called default"),
  debug: bool("Say more", { short: "D" }),
};

/** Throws CliError for any but the one that there is. */
export function refuseOtherBuilder(name: string): void {
  if (name === "" || name === "default") return;
  throw new CliError(`no builder ${JSON.stringify(name)} found: naru has one builder, default`);
}
