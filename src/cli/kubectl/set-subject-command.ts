import { CliError } from "../cli-error.ts";
import { list } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { changeObjects, choiceComplaints, SET_FLAGS, throwComplaints } from "./pod-spec-change.ts";

interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly apiGroup?: string;
}
const RBAC = "rbac.authorization.k8s.io";

export const command = defineKubectlCommand({
  usage:
    "(-f FILENAME | TYPE NAME) [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none] [options]",
  summary: "Add users, groups and service accounts to a role binding",
  flags: {
    ...SET_FLAGS,
    group: list("Groups that are bound to the role", { type: "stringArray" }),
    serviceaccount: list("Service accounts that are bound to the role, as NAMESPACE:NAME", { type: "stringArray" }),
    user: list("Users that are bound to the role", { type: "stringArray" }),
  },
  async run({ flags, args, context }) {
    const accounts = flags.serviceaccount.map((text) => {
      const [namespace = "", name = "", ...more] = text.split(":");
      if (namespace === "" || name === "" || more.length > 0)
        throw new CliError("error: serviceaccount must be <namespace>:<name>");
      return { kind: "ServiceAccount", namespace, name };
    });
    const subjects: Subject[] = [
      ...flags.user.map((name) => ({ kind: "User", apiGroup: RBAC, name })),
      ...flags.group.map((name) => ({ kind: "Group", apiGroup: RBAC, name })),
      ...accounts,
    ];
    await changeObjects(context, args, flags, {
      change: (object) => addSubjects(object, subjects),
      verb: "subjects updated",
      what: "subjects to rolebinding:",
      check() {
        const complaints = choiceComplaints(flags, args);
        if (subjects.length === 0)
          complaints.push("you must specify at least one value of user, group or serviceaccount");
        throwComplaints(complaints);
      },
    });
  },
});

function addSubjects(object: KubeManifestObject & { subjects?: Subject[] }, wanted: readonly Subject[]): string[] {
  if (!["RoleBinding", "ClusterRoleBinding"].includes(object.kind)) {
    throw new CliError("setting subjects is only supported for RoleBinding/ClusterRoleBinding");
  }
  const known = object.subjects ?? [];
  const isThere = (one: Subject, among: readonly Subject[]) =>
    among.some(
      ({ kind, name, namespace = "" }) => kind === one.kind && name === one.name && namespace === (one.namespace ?? ""),
    );
  object.subjects = [...known, ...wanted.filter((one) => !isThere(one, known))];
  return [];
}
