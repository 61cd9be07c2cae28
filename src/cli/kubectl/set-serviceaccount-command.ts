import { CliError } from "../cli-error.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { changeObjects, ofPodSpec, SET_FLAGS } from "./pod-spec-change.ts";

const { selector, ...FLAGS } = SET_FLAGS;

export const command = defineKubectlCommand({
  usage: "(-f FILENAME | TYPE NAME) SERVICE_ACCOUNT [options]",
  summary: "Change the service account of pods",
  flags: FLAGS,
  async run({ flags, args, context }) {
    const account = args.at(-1);
    if (account === undefined) throw new CliError("error: serviceaccount is required");
    if (flags.local && flags["dry-run"] === "server")
      throw new CliError("error: cannot specify --local and --dry-run=server - did you mean --dry-run=client?");
    await changeObjects(
      context,
      args.slice(0, -1),
      { ...flags, selector: "" },
      {
        change: ofPodSpec((spec) => {
          spec.serviceAccountName = account;
          return [];
        }),
        verb: "serviceaccount updated",
        what: "ServiceAccountName",
        isAlwaysSent: true,
      },
    );
  },
});
