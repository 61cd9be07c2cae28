/** The rules of roles, as the flags of `create role` and `create clusterrole` say them. */

import { CliError } from "../cli-error.ts";
import { list, strings } from "../flag-types.ts";
import type { KubectlContext } from "./declaration.ts";
import type { PolicyRule } from "./rbac-coverage.ts";

export const RULE_FLAGS = {
  resource: strings("What the rule is about, such as pods, deployments.apps or pods/log"),
  "resource-name": list("Only the object of that name (may be repeated)", { type: "stringArray" }),
  verb: strings("What may be done: get, list, watch, create, update, patch, delete, *"),
};

/** Verbs of requests to the API, and those that only rules know. */
export const VERBS = new Set(
  "* get delete list create update patch watch proxy redirect deletecollection use bind escalate impersonate approve sign".split(
    " ",
  ),
);

/** A rule for each API group. @throws CliError when a resource is not served */
export async function resourceRules(
  context: KubectlContext,
  words: { resources: readonly string[]; names: readonly string[]; verbs: readonly string[] },
): Promise<PolicyRule[]> {
  for (const verb of words.verbs) {
    if (!VERBS.has(verb)) context.printError(`Warning: '${verb}' is not a standard resource verb\n`);
  }
  const types = await context.types();
  const groups = new Map<string, string[]>();
  for (const word of words.resources) {
    const [typed = "", subresource] = word.split("/");
    const type = typed === "*" ? { group: "", resource: "*" } : types.lookUp(typed);
    if (type === undefined) throw new CliError(`the server doesn't have a resource type "${typed}"`);
    const place = subresource === undefined ? type.resource : `${type.resource}/${subresource}`;
    groups.set(type.group, [...(groups.get(type.group) ?? []), place]);
  }
  return [...groups].map(([group, resources]) => ({
    apiGroups: [group],
    ...(words.names.length === 0 ? {} : { resourceNames: [...words.names] }),
    resources,
    verbs: [...words.verbs],
  }));
}

/** "get,list" and repeated flags; "*" stands for all others. @throws CliError when there is none */
export function verbsOf(words: readonly string[]): string[] {
  const verbs = [...new Set(words.map((word) => word.trim()))].filter(Boolean);
  if (verbs.length === 0) throw new CliError("error: at least one verb must be specified");
  return verbs.includes("*") ? ["*"] : verbs;
}
