/** What `create rolebinding` and `create clusterrolebinding` have in common. */

import { CliError } from "../cli-error.ts";
import { list, string, strings } from "../flag-types.ts";

export const SUBJECT_FLAGS = {
  clusterrole: string("The cluster role that is given"),
  group: list("Give it to a group (may be repeated)", { type: "stringArray" }),
  serviceaccount: strings("Give it to a service account, as NAMESPACE:NAME (may be repeated)"),
  user: list("Give it to a user (may be repeated)", { type: "stringArray" }),
};

const GROUP = "rbac.authorization.k8s.io";

/** @throws CliError for service accounts without their namespace */
export function bindingParts(
  flags: { group: readonly string[]; serviceaccount: readonly string[]; user: readonly string[] },
  role: { kind: string; name: string },
): { apiVersion: string; roleRef: object; subjects: object[] } {
  const named = (kind: string, names: readonly string[]) => names.map((name) => ({ apiGroup: GROUP, kind, name }));
  const accounts = flags.serviceaccount.map((one) => {
    const [namespace, name, ...more] = one.split(":");
    if (!namespace || !name || more.length > 0) throw new CliError("error: serviceaccount must be <namespace>:<name>");
    return { kind: "ServiceAccount", name, namespace };
  });
  return {
    apiVersion: `${GROUP}/v1`,
    roleRef: { apiGroup: GROUP, ...role },
    subjects: [...named("User", flags.user), ...named("Group", flags.group), ...accounts],
  };
}
