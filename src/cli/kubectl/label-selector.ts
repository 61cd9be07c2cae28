/** Label selectors such as "a=b,c!=d,e in (f,g),!h" where the server is not asked. */

import { type LabelRequirement, labelRequirements, meetRequirements } from "../../model/kubernetes/label-selector.ts";
import type { LabelSelector } from "../../model/kubernetes/meta.ts";
import { CliError } from "../cli-error.ts";

/** @throws CliError for what is no selector */
function requirementsOf(selector: string): LabelRequirement[] {
  return labelRequirements(
    selector,
    () =>
      new CliError(
        `error: couldn't parse the selector string ${JSON.stringify(selector)}: write a=b, a!=b, a in (b,c), a notin (b,c), a or !a, divided by commas`,
      ),
  );
}

/** Tells whether an object's labels fit; an empty selector fits all. @throws CliError for what is no selector */
export function labelMatcher(selector: string): (object: { metadata?: unknown }) => boolean {
  const requirements = requirementsOf(selector);
  return ({ metadata }) =>
    meetRequirements((metadata as { labels?: Record<string, string> } | undefined)?.labels ?? {}, requirements);
}

/** The selector as objects of the API have it, in the order of its keys and values. @throws CliError for what is no selector */
export function labelSelectorOf(selector: string): LabelSelector {
  const requirements = requirementsOf(selector).sort((one, other) => (one.key < other.key ? -1 : 1));
  const pairs = requirements.flatMap(({ key, operator, values }) => (operator === "=" ? [[key, values[0]!]] : []));
  const matchExpressions = requirements.flatMap(({ key, operator, values }) =>
    operator === "=" ? [] : [{ key, operator, ...(values.length === 0 ? {} : { values: values.toSorted() }) }],
  );
  return {
    ...(pairs.length === 0 ? {} : { matchLabels: Object.fromEntries(pairs) as Record<string, string> }),
    ...(matchExpressions.length === 0 ? {} : { matchExpressions }),
  };
}
