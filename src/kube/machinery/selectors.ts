/** Label and field selectors as kubectl writes them, and LabelSelector objects, as predicates. */

import type { LabelSelector } from "../../model/kubernetes/meta.ts";
import type { KubeObject } from "../../model/kubernetes/object.ts";
import { StatusError } from "../status.ts";

export type Predicate<T> = (value: T) => boolean;
type Labels = Readonly<Record<string, string>>;

interface Requirement {
  readonly key: string;
  readonly operator: "in" | "notin" | "exists" | "!" | "gt" | "lt";
  readonly values: readonly string[];
}

const KEY = /^(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const SET_TERM = /^([^\s!=<>,()]+)\s+(in|notin)\s*\(([^()]*)\)$/;
const TERM = /^([^\s!=<>,()]+)\s*(==|=|!=|>|<)\s*([^\s!=<>,()]*)$/;
const EXISTS_TERM = /^(!?)\s*([^\s!=<>,()]+)$/;

function unparsable(text: string, why: string): StatusError {
  return new StatusError("BadRequest", `unable to parse requirement: ${why} in selector ${JSON.stringify(text)}`);
}

/** "a=b,c in (d,e),!f" at its top-level commas. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at <= text.length; at++) {
    const sign = text[at];
    if (sign === "(") depth++;
    else if (sign === ")") depth--;
    else if (sign === undefined || (sign === "," && depth === 0)) {
      terms.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  return terms;
}

function parseTerm(term: string, text: string): Requirement {
  const set = SET_TERM.exec(term);
  if (set) {
    const values = set[3]!.split(",").map((value) => value.trim());
    return { key: set[1]!, operator: set[2] as "in" | "notin", values };
  }
  const pair = TERM.exec(term);
  if (pair) {
    const operator = ({ "!=": "notin", ">": "gt", "<": "lt" } as const)[pair[2] as "!=" | ">" | "<"] ?? "in";
    return { key: pair[1]!, operator, values: [pair[3]!] };
  }
  const exists = EXISTS_TERM.exec(term);
  if (exists) return { key: exists[2]!, operator: exists[1] === "!" ? "!" : "exists", values: [] };
  throw unparsable(text, `found ${JSON.stringify(term)}, expected a label, '=', '!=', '==', 'in' or 'notin'`);
}

function meets(labels: Labels, { key, operator, values }: Requirement): boolean {
  const value = labels[key];
  switch (operator) {
    case "exists":
      return value !== undefined;
    case "!":
      return value === undefined;
    case "in":
      return value !== undefined && values.includes(value);
    case "notin":
      return value === undefined || !values.includes(value);
    case "gt":
      return value !== undefined && /^-?\d+$/.test(value) && Number(value) > Number(values[0]);
    case "lt":
      return value !== undefined && /^-?\d+$/.test(value) && Number(value) < Number(values[0]);
  }
}

function checked(requirement: Requirement, text: string): Requirement {
  if (!KEY.test(requirement.key)) throw unparsable(text, `invalid label key ${JSON.stringify(requirement.key)}`);
  for (const value of requirement.values) {
    if (!VALUE.test(value)) throw unparsable(text, `invalid label value ${JSON.stringify(value)}`);
  }
  return requirement;
}

/**
 * A selector as text: "app=x,tier!=db,env in (a,b),!old". An empty one takes everything.
 * @throws StatusError BadRequest when it cannot be understood.
 */
export function parseLabelSelector(text: string): Predicate<Labels | undefined> {
  if (text.trim() === "") return () => true;
  const requirements = splitTerms(text).map((term) => checked(parseTerm(term, text), text));
  return (labels = {}) => requirements.every((requirement) => meets(labels, requirement));
}

const OPERATORS: Readonly<Record<string, Requirement["operator"]>> = {
  In: "in",
  NotIn: "notin",
  Exists: "exists",
  DoesNotExist: "!",
};

/** A LabelSelector object. Undefined takes nothing, an empty one everything (meta/v1). */
export function labelSelectorMatcher(selector: LabelSelector | undefined): Predicate<Labels | undefined> {
  if (selector === undefined) return () => false;
  const requirements: Requirement[] = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({
    key,
    operator: "in",
    values: [value],
  }));
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const known = OPERATORS[operator];
    if (known === undefined) return () => false;
    requirements.push({ key, operator: known, values });
  }
  return (labels = {}) => requirements.every((requirement) => meets(labels, requirement));
}

/** A LabelSelector object as text, as the scale subresource tells it. */
export function labelSelectorText(selector: LabelSelector | undefined): string {
  const pairs = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const terms = (selector?.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    if (operator === "Exists") return key;
    if (operator === "DoesNotExist") return `!${key}`;
    return `${key} ${operator === "In" ? "in" : "notin"} (${[...values].sort().join(",")})`;
  });
  return [...pairs.sort(), ...terms].join(",");
}

type FieldReader = (object: KubeObject) => string;
const METADATA_FIELDS: Readonly<Record<string, FieldReader>> = {
  "metadata.name": (object) => object.metadata.name ?? "",
  "metadata.namespace": (object) => object.metadata.namespace ?? "",
};
const FIELD_TERM = /^([^=!]+)(==|=|!=)(.*)$/;

/** A field selector, and the one name that it asks for when it asks for one. */
interface FieldSelector {
  readonly matches: Predicate<KubeObject>;
  readonly name?: string;
}

/**
 * "status.phase!=Running,spec.nodeName=n1" over the fields that the kind declares. A comma, an equals sign or a backslash in a value is written with a
 * backslash before it.
 * @throws StatusError BadRequest for a field that the kind has not.
 */
export function parseFieldSelector(text: string, fields: Readonly<Record<string, FieldReader>> = {}): FieldSelector {
  if (text.trim() === "") return { matches: () => true };
  let name: string | undefined;
  const terms = text.split(/(?<!\\),/).map((part) => {
    const term = FIELD_TERM.exec(part.trim());
    if (term === null) {
      throw new StatusError(
        "BadRequest",
        `invalid field selector ${JSON.stringify(text)}: can't understand ${JSON.stringify(part)}`,
      );
    }
    const field = term[1]!.trim();
    const read = METADATA_FIELDS[field] ?? fields[field];
    if (read === undefined) throw new StatusError("BadRequest", `field label not supported: ${field}`);
    const value = term[3]!.replace(/\\([,=\\])/g, "$1");
    const equal = term[2] !== "!=";
    if (equal && field === "metadata.name") name = value;
    return (object: KubeObject) => (read(object) === value) === equal;
  });
  return { matches: (object) => terms.every((term) => term(object)), ...(name === undefined ? {} : { name }) };
}
