/** Nobody may give, by a role or a binding, more than they have themselves (Kubernetes' prevention of escalation). */
import type { ClusterRole, PolicyRule, RoleBinding } from "../../model/kubernetes/rbac.ts";
import type { AdmissionRequest, AdmissionStep } from "../machinery/admission.ts";
import { StatusError } from "../status.ts";
import { type Access, type Authorization, ruleAllows } from "./authorization.ts";
import type { User } from "./user.ts";

const GROUP = "rbac.authorization.k8s.io";
const ROLES = new Set(["roles", "clusterroles"]);
const BINDINGS = new Set(["rolebindings", "clusterrolebindings"]);

export function roleGuard(authorization: Authorization): AdmissionStep {
  return {
    name: "RoleEscalation",
    check(request) {
      const { type, object, user, operation } = request;
      if (type.group !== GROUP || object === undefined || operation === "DELETE") return;
      if (user.groups.includes("system:masters")) return;
      if (ROLES.has(type.resource)) checkRole(authorization, request, (object as ClusterRole).rules ?? [], "escalate");
      else if (BINDINGS.has(type.resource)) checkBinding(authorization, request, object as RoleBinding);
    },
  };
}

function checkBinding(authorization: Authorization, request: AdmissionRequest, { roleRef }: RoleBinding): void {
  const resource = roleRef.kind === "ClusterRole" ? "clusterroles" : "roles";
  const access = accessTo("bind", resource, request.namespace ?? "", roleRef.name);
  if (authorization.decide(request.user, access).isAllowed) return;
  checkRole(authorization, request, authorization.rulesOfRole(roleRef, request.namespace), undefined);
}

/** With the verb `excuse` on the role itself, more than one's own may be given. */
function checkRole(
  authorization: Authorization,
  { user, namespace = "", name, type }: AdmissionRequest,
  wanted: readonly PolicyRule[],
  excuse: string | undefined,
): void {
  if (excuse !== undefined) {
    if (authorization.decide(user, accessTo(excuse, type.resource, namespace, name)).isAllowed) return;
  }
  const own = authorization.rulesOf(user, namespace);
  const missing = wanted.filter(
    (rule) => !simpleAccesses(rule).every((access) => own.some((held) => ruleAllows(held, access))),
  );
  if (missing.length === 0) return;
  throw new StatusError(
    "Forbidden",
    `${type.resource}.${GROUP} ${JSON.stringify(name)} is forbidden: user ${JSON.stringify(user.name)} ${groupsText(user)} ` +
      `is attempting to grant RBAC permissions not currently held:\n${missing.map(ruleText).join("\n")}`,
    { name, group: GROUP, kind: type.resource },
  );
}

/** Every single thing that a rule allows; "*" stands for itself, so only one who has all of it may give it. */
function simpleAccesses({
  verbs,
  apiGroups = [],
  resources = [],
  resourceNames = [""],
  nonResourceURLs = [],
}: PolicyRule): Access[] {
  const found: Access[] = [];
  for (const verb of verbs) {
    for (const path of nonResourceURLs) found.push({ ...accessTo(verb, "", "", ""), isResource: false, path });
    for (const group of apiGroups) {
      for (const whole of resources) {
        const [resource = "", subresource = ""] = whole.split("/", 2);
        for (const name of resourceNames) found.push({ ...accessTo(verb, resource, "", name), group, subresource });
      }
    }
  }
  return found;
}

function accessTo(verb: string, resource: string, namespace: string, name: string): Access {
  return { isResource: true, path: "", verb, group: GROUP, namespace, resource, subresource: "", name };
}

function groupsText({ groups }: User): string {
  return `(groups=[${groups.map((group) => JSON.stringify(group)).join(" ")}])`;
}

function ruleText({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule): string {
  const list = (name: string, values: readonly string[] | undefined) =>
    values === undefined || values.length === 0
      ? []
      : [`${name}:[${values.map((value) => JSON.stringify(value)).join(" ")}]`];
  const parts = [
    ...list("APIGroups", apiGroups),
    ...list("Resources", resources),
    ...list("ResourceNames", resourceNames),
    ...list("NonResourceURLs", nonResourceURLs),
    ...list("Verbs", verbs),
  ];
  return `{${parts.join(", ")}}`;
}
