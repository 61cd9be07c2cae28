/** Flags of every command that opens an editor. */

import { CliError } from "../../cli-error.ts";
import { bool, string, strings } from "../../flag-types.ts";
import { PRINT_FLAGS } from "../output-format.ts";
import { validate } from "../write-flags.ts";

export const EDIT_FLAGS = {
  ...PRINT_FLAGS,
  filename: strings("Files, folders or addresses of objects", { short: "f" }),
  kustomize: string("A kustomization", { short: "k" }),
  output: string("What is edited: json or yaml (default yaml)", { short: "o" }),
  recursive: bool("Folders below those of -f too", { short: "R" }),
  validate: validate(),
  "windows-line-endings": bool("Lines end as on Windows"),
};

/** @throws CliError unless it is a form that can be edited */
export function checkEditedForm(output: string): void {
  if (["", "json", "yaml"].includes(output)) return;
  throw new CliError(
    `error: unable to match a printer suitable for the output format "${output}", allowed formats are: json,kyaml,yaml`,
  );
}
