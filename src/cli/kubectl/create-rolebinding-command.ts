import { CliError } from "../cli-error.ts";
import { string } from "../flag-types.ts";
import { CREATE_FLAGS, create, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { bindingParts, SUBJECT_FLAGS } from "./role-binding.ts";

export const command = defineKubectlCommand({
  usage:
    "NAME --clusterrole=NAME|--role=NAME [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname] [options]",
  summary: "Give a role to users, groups or service accounts",
  flags: { ...CREATE_FLAGS, ...SUBJECT_FLAGS, role: string("The role that is given") },
  async run({ flags, args, context }) {
    const name = oneName(args);
    if ((flags.clusterrole === "") === (flags.role === "")) {
      throw new CliError("error: exactly one of clusterrole or role must be specified");
    }
    const role =
      flags.role === "" ? { kind: "ClusterRole", name: flags.clusterrole } : { kind: "Role", name: flags.role };
    await create(context, flags, { ...bindingParts(flags, role), kind: "RoleBinding", metadata: { name } });
  },
});
