import { CliError } from "../cli-error.ts";
import { CREATE_FLAGS, create, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { RULE_FLAGS, resourceRules, verbsOf } from "./policy-rules.ts";

export const command = defineKubectlCommand({
  usage: "NAME --verb=verb --resource=resource.group/subresource [--resource-name=resourcename] [options]",
  summary: "Make a role",
  flags: { ...CREATE_FLAGS, ...RULE_FLAGS },
  async run({ flags, args, context }) {
    const name = oneName(args);
    const verbs = verbsOf(flags.verb);
    if (flags.resource.length === 0) throw new CliError("error: at least one resource must be specified");
    const rules = await resourceRules(context, { resources: flags.resource, names: flags["resource-name"], verbs });
    const apiVersion = "rbac.authorization.k8s.io/v1";
    await create(context, flags, { apiVersion, kind: "Role", metadata: { name }, rules });
  },
});
