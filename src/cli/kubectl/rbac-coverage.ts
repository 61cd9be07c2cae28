/** What roles and bindings allow, part by part: what one has that another lacks. */

export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}
export interface Subject {
  readonly kind: string;
  readonly apiGroup?: string;
  readonly name: string;
  readonly namespace?: string;
}

/** The parts of `wanted` that `present` does not allow, each of one verb and one thing. */
export function missingRules(wanted: readonly PolicyRule[], present: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(singleRules).filter((one) => !present.some((rule) => covers(rule, one)));
}

function singleRules({ verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }: PolicyRule) {
  const rules: PolicyRule[] = [];
  for (const group of apiGroups)
    for (const resource of resources)
      for (const verb of verbs) {
        const base = { verbs: [verb], apiGroups: [group], resources: [resource] };
        if (resourceNames.length === 0) rules.push(base);
        else rules.push(...resourceNames.map((name) => ({ ...base, resourceNames: [name] })));
      }
  for (const url of nonResourceURLs) rules.push(...verbs.map((verb) => ({ verbs: [verb], nonResourceURLs: [url] })));
  return rules;
}

const has = (list: readonly string[] | undefined, word: string): boolean =>
  list !== undefined && (list.includes("*") || list.includes(word));

function covers(rule: PolicyRule, one: PolicyRule): boolean {
  if (!has(rule.verbs, one.verbs[0]!)) return false;
  const [url] = one.nonResourceURLs ?? [];
  if (url !== undefined) return (rule.nonResourceURLs ?? []).some((own) => coversUrl(own, url));
  const [resource = ""] = one.resources ?? [];
  const subresource = resource.split("/")[1];
  const hasResource =
    has(rule.resources, resource) || (subresource !== undefined && rule.resources?.includes(`*/${subresource}`));
  const names = rule.resourceNames ?? [];
  const hasName = names.length === 0 || (one.resourceNames ?? []).some((name) => names.includes(name));
  return has(rule.apiGroups, one.apiGroups?.[0] ?? "") && hasResource === true && hasName;
}

const coversUrl = (own: string, url: string): boolean =>
  own === url || (own.endsWith("*") && url.startsWith(own.slice(0, -1)));

const isSameSubject = (one: Subject, other: Subject): boolean =>
  one.kind === other.kind && one.name === other.name && (one.namespace ?? "") === (other.namespace ?? "");

/** The subjects of `wanted` that `present` does not have. */
export const missingSubjects = (wanted: readonly Subject[], present: readonly Subject[]): Subject[] =>
  wanted.filter((one) => !present.some((other) => isSameSubject(one, other)));

/** As Go prints the struct. */
export function ruleText(rule: PolicyRule): string {
  const words = (list: readonly string[] = []) => `[${list.join(" ")}]`;
  return `{Verbs:${words(rule.verbs)} APIGroups:${words(rule.apiGroups)} Resources:${words(rule.resources)} ResourceNames:${words(rule.resourceNames)} NonResourceURLs:${words(rule.nonResourceURLs)}}`;
}

/** As Go prints the struct. */
export const subjectText = ({ kind, apiGroup = "", name, namespace = "" }: Subject): string =>
  `{Kind:${kind} APIGroup:${apiGroup} Name:${name} Namespace:${namespace}}`;
