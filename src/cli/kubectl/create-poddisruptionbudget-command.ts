import { CliError } from "../cli-error.ts";
import { string } from "../flag-types.ts";
import { CREATE_FLAGS, create, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { labelSelectorOf } from "./label-selector.ts";

export const command = defineKubectlCommand({
  usage: "NAME --selector=SELECTOR --min-available=N [options]",
  summary: "Limit how many pods may be taken away at once",
  flags: {
    ...CREATE_FLAGS,
    "max-unavailable": string("How many pods, or which share of them, may be away"),
    "min-available": string("How many pods, or which share of them, must be there"),
    selector: string("Labels of the pods, such as a=b,c in (d,e)"),
  },
  async run({ flags, args, context }) {
    const name = oneName(args);
    if (flags.selector === "") throw new CliError("error: a selector must be specified");
    const [most, least] = [flags["max-unavailable"], flags["min-available"]];
    if (most === "" && least === "") {
      throw new CliError("error: one of min-available or max-unavailable must be specified");
    }
    if (most !== "" && least !== "") {
      throw new CliError("error: min-available and max-unavailable cannot be both specified");
    }
    const amount = (text: string) => (/^\d+$/.test(text) ? Number(text) : text);
    await create(context, flags, {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name },
      spec: {
        ...(least === "" ? { maxUnavailable: amount(most) } : { minAvailable: amount(least) }),
        selector: labelSelectorOf(flags.selector),
      },
      status: { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 },
    });
  },
});
