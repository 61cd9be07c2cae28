import { CliError } from "../cli-error.ts";
import { CREATE_FLAGS, create, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { bindingParts, SUBJECT_FLAGS } from "./role-binding.ts";

export const command = defineKubectlCommand({
  usage:
    "NAME --clusterrole=NAME [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname] [options]",
  summary: "Give a cluster role in all namespaces",
  flags: { ...CREATE_FLAGS, ...SUBJECT_FLAGS },
  async run({ flags, args, context }) {
    const name = oneName(args);
    if (flags.clusterrole === "") throw new CliError('error: required flag(s) "clusterrole" not set');
    const parts = bindingParts(flags, { kind: "ClusterRole", name: flags.clusterrole });
    await create(context, flags, { ...parts, kind: "ClusterRoleBinding", metadata: { name } });
  },
});
