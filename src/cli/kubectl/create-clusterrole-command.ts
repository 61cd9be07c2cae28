import { CliError } from "../cli-error.ts";
import { strings } from "../flag-types.ts";
import { CREATE_FLAGS, create, keyValues, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { RULE_FLAGS, resourceRules, verbsOf } from "./policy-rules.ts";

export const command = defineKubectlCommand({
  usage:
    "NAME --verb=verb --resource=resource.group [--resource-name=resourcename] [--non-resource-url=path] [--aggregation-rule=label=value] [options]",
  summary: "Make a cluster role",
  flags: {
    ...CREATE_FLAGS,
    ...RULE_FLAGS,
    "aggregation-rule": strings("Labels of the cluster roles whose rules come together in this one, as a=b,c=d"),
    "non-resource-url": strings("A path of the API server that belongs to no resource"),
  },
  async run({ flags, args, context }) {
    const name = oneName(args);
    const object = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name } };
    const urls = flags["non-resource-url"];
    if (flags["aggregation-rule"].length > 0) {
      if (flags.verb.length + flags.resource.length + flags["resource-name"].length + urls.length > 0) {
        throw new CliError(
          "error: aggregation rule must be specified without nonResourceURLs, verbs, resources or resourceNames",
        );
      }
      const labels = keyValues(flags["aggregation-rule"], "--aggregation-rule");
      const clusterRoleSelectors = [{ matchLabels: Object.fromEntries(labels) }];
      await create(context, flags, { ...object, aggregationRule: { clusterRoleSelectors }, rules: null });
      return;
    }
    const verbs = verbsOf(flags.verb);
    if (flags.resource.length === 0 && urls.length === 0) {
      throw new CliError("error: one of resource or nonResourceURL must be specified");
    }
    const names = flags["resource-name"];
    const rules = await resourceRules(context, { resources: flags.resource, names, verbs });
    if (urls.length > 0) rules.push({ nonResourceURLs: urls, verbs });
    await create(context, flags, { ...object, rules });
  },
});
