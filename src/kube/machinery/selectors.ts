/** Label and field selectors as kubectl writes them, and LabelSelector objects, as predicates. */

import {
  type LabelRequirement,
  type Labels,
  labelRequirements,
  meetRequirements,
} from "../../model/kubernetes/label-selector.ts";
import type { LabelSelector } from "../../model/kubernetes/meta.ts";
import type { KubeObject } from "../../model/kubernetes/object.ts";
import { StatusError } from "../status.ts";

export type Predicate<T> = (value: T) => boolean;

const KEY = /^(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

function unparsable(text: string, why: string): StatusError {
  return new StatusError("BadRequest", `unable to parse requirement: ${why} in selector ${JSON.stringify(text)}`);
}

function checked(requirement: LabelRequirement, text: string): LabelRequirement {
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
  const requirements = labelRequirements(text, (term) =>
    unparsable(text, `found ${JSON.stringify(term)}, expected a label, '=', '!=', '==', 'in' or 'notin'`),
  ).map((requirement) => checked(requirement, text));
  return (labels = {}) => meetRequirements(labels, requirements);
}

const OPERATORS: ReadonlySet<string> = new Set(["In", "NotIn", "Exists", "DoesNotExist"]);

/** A LabelSelector object. Undefined takes nothing, an empty one everything (meta/v1). */
export function labelSelectorMatcher(selector: LabelSelector | undefined): Predicate<Labels | undefined> {
  if (selector === undefined) return () => false;
  const { matchLabels = {}, matchExpressions = [] } = selector;
  if (!matchExpressions.every(({ operator }) => OPERATORS.has(operator))) return () => false;
  const requirements = [
    ...Object.entries(matchLabels).map(([key, value]) => ({ key, operator: "=" as const, values: [value] })),
    ...matchExpressions.map(({ key, operator, values = [] }) => ({
      key,
      operator: operator as LabelRequirement["operator"],
      values,
    })),
  ];
  return (labels = {}) => meetRequirements(labels, requirements);
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
