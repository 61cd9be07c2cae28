/** Label selectors such as "a=b,c!=d,e in (f,g),!h" (Kubernetes' "Labels and Selectors"), where the server is not asked. */

import { CliError } from "../cli-error.ts";

type Operator = "=" | "!=" | "in" | "notin" | "exists" | "!" | ">" | "<";

interface Requirement {
  readonly key: string;
  readonly operator: Operator;
  readonly values: readonly string[];
}

/** The API's own form (LabelSelector). */
interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { key: string; operator: string; values?: readonly string[] }[];
}

const KEY = "([\\w./-]+)";
const COMPARED = new RegExp(`^${KEY}\\s*(==?|!=|>|<)\\s*([^=!<>(),\\s]*)$`);
const IN_SET = new RegExp(`^${KEY}\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const PRESENT = new RegExp(`^(!?)\\s*${KEY}$`);

/** @throws CliError for what is no selector */
function requirementsOf(selector: string): Requirement[] {
  if (selector.trim() === "") return [];
  return selector.split(/,(?![^(]*\))/).map((part) => requirementOf(part.trim(), selector));
}

function requirementOf(part: string, whole: string): Requirement {
  const compared = COMPARED.exec(part);
  if (compared !== null) {
    const [, key = "", operator = "", value = ""] = compared;
    return { key, operator: operator === "==" ? "=" : (operator as Operator), values: [value] };
  }
  const inSet = IN_SET.exec(part);
  if (inSet !== null) {
    const [, key = "", operator = "", list = ""] = inSet;
    return { key, operator: operator as Operator, values: list.split(",").map((value) => value.trim()) };
  }
  const present = PRESENT.exec(part);
  if (present !== null) return { key: present[2]!, operator: present[1] === "!" ? "!" : "exists", values: [] };
  throw new CliError(
    `error: couldn't parse the selector string ${JSON.stringify(whole)}: write a=b, a!=b, a in (b,c), a notin (b,c), a or !a, divided by commas`,
  );
}

/** Tells whether an object's labels fit; an empty selector fits all. @throws CliError for what is no selector */
export function labelMatcher(selector: string): (object: { metadata?: unknown }) => boolean {
  const requirements = requirementsOf(selector);
  return ({ metadata }) => {
    const labels = (metadata as { labels?: Record<string, string> } | undefined)?.labels ?? {};
    return requirements.every((one) => isMet(one, Object.hasOwn(labels, one.key) ? labels[one.key] : undefined));
  };
}

/** @param value undefined where there is no such label, which the negative ones are content with */
function isMet({ operator, values }: Requirement, value: string | undefined): boolean {
  if (operator === "!") return value === undefined;
  if (operator === "!=" || operator === "notin") return value === undefined || !values.includes(value);
  if (value === undefined) return false;
  if (operator === "exists") return true;
  if (operator === ">") return Number(value) > Number(values[0]);
  if (operator === "<") return Number(value) < Number(values[0]);
  return values.includes(value);
}

const EXPRESSIONS: Readonly<Record<Exclude<Operator, "=">, string>> = {
  "!=": "NotIn",
  in: "In",
  notin: "NotIn",
  exists: "Exists",
  "!": "DoesNotExist",
  ">": "Gt",
  "<": "Lt",
};

/** The selector as objects of the API have it, in the order of its keys and values. @throws CliError for what is no selector */
export function labelSelectorOf(selector: string): LabelSelector {
  const requirements = requirementsOf(selector).sort((one, other) => (one.key < other.key ? -1 : 1));
  const pairs = requirements.flatMap(({ key, operator, values }) => (operator === "=" ? [[key, values[0]!]] : []));
  const matchExpressions = requirements.flatMap(({ key, operator, values }) =>
    operator === "="
      ? []
      : [{ key, operator: EXPRESSIONS[operator], ...(values.length === 0 ? {} : { values: values.toSorted() }) }],
  );
  return {
    ...(pairs.length === 0 ? {} : { matchLabels: Object.fromEntries(pairs) as Record<string, string> }),
    ...(matchExpressions.length === 0 ? {} : { matchExpressions }),
  };
}
