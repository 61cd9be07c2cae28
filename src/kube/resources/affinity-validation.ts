/** Rules for where pods may run: node selectors, affinity, tolerations, spread constraints. */

import type {
  Affinity,
  NodeSelector,
  NodeSelectorTerm,
  PodAffinityTerm,
  Toleration,
  TopologySpreadConstraint,
} from "../../model/kubernetes/core.ts";
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from "../machinery/field-error.ts";
import { labelValueFaults, qualifiedNameFaults } from "../name-rules.ts";
import { oneOf, selectorFaults } from "./common-rules.ts";

const REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution";

export function affinityFaults(field: string, affinity: Affinity | undefined): FieldError[] {
  const faults: FieldError[] = [];
  const node = affinity?.nodeAffinity;
  if (node?.[REQUIRED] !== undefined) {
    faults.push(...nodeSelectorFaults(`${field}.nodeAffinity.${REQUIRED}`, node[REQUIRED]));
  }
  for (const [index, term] of (node?.[PREFERRED] ?? []).entries()) {
    const at = `${field}.nodeAffinity.${PREFERRED}[${index}]`;
    faults.push(...weightFaults(at, term.weight), ...nodeTermFaults(`${at}.preference`, term.preference));
  }
  for (const kind of ["podAffinity", "podAntiAffinity"] as const) {
    for (const [index, term] of (affinity?.[kind]?.[REQUIRED] ?? []).entries()) {
      faults.push(...podTermFaults(`${field}.${kind}.${REQUIRED}[${index}]`, term));
    }
    for (const [index, term] of (affinity?.[kind]?.[PREFERRED] ?? []).entries()) {
      const at = `${field}.${kind}.${PREFERRED}[${index}]`;
      faults.push(...weightFaults(at, term.weight), ...podTermFaults(`${at}.podAffinityTerm`, term.podAffinityTerm));
    }
  }
  return faults;
}

function weightFaults(at: string, weight: number): FieldError[] {
  return weight >= 1 && weight <= 100 ? [] : [invalid(`${at}.weight`, weight, "must be in the range 1-100")];
}

export function nodeSelectorFaults(field: string, selector: NodeSelector): FieldError[] {
  const terms = selector.nodeSelectorTerms ?? [];
  if (terms.length === 0) return [required(`${field}.nodeSelectorTerms`, "must have at least one node selector term")];
  return terms.flatMap((term, index) => nodeTermFaults(`${field}.nodeSelectorTerms[${index}]`, term));
}

function nodeTermFaults(field: string, term: NodeSelectorTerm | undefined): FieldError[] {
  const faults: FieldError[] = [];
  for (const [index, requirement] of (term?.matchExpressions ?? []).entries()) {
    const at = `${field}.matchExpressions[${index}]`;
    const values = requirement.values ?? [];
    if (["In", "NotIn"].includes(requirement.operator) && values.length === 0) {
      faults.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (["Exists", "DoesNotExist"].includes(requirement.operator) && values.length > 0) {
      faults.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    } else if (["Gt", "Lt"].includes(requirement.operator) && values.length !== 1) {
      faults.push(required(`${at}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
    } else if (!["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"].includes(requirement.operator)) {
      faults.push(invalid(`${at}.operator`, requirement.operator, "not a valid selector operator"));
    }
    faults.push(...qualifiedNameFaults(requirement.key ?? "").map((why) => invalid(`${at}.key`, requirement.key, why)));
  }
  for (const [index, requirement] of (term?.matchFields ?? []).entries()) {
    const at = `${field}.matchFields[${index}]`;
    if (!["In", "NotIn"].includes(requirement.operator)) {
      faults.push(invalid(`${at}.operator`, requirement.operator, "not a valid selector operator"));
    } else if ((requirement.values ?? []).length !== 1) {
      faults.push(
        required(`${at}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"),
      );
    }
    if (requirement.key !== "metadata.name") {
      faults.push(invalid(`${at}.key`, requirement.key, "not a valid field selector key"));
    }
  }
  return faults;
}

function podTermFaults(field: string, term: PodAffinityTerm): FieldError[] {
  const faults = selectorFaults(`${field}.labelSelector`, term.labelSelector);
  faults.push(...selectorFaults(`${field}.namespaceSelector`, term.namespaceSelector));
  if (!term.topologyKey) faults.push(required(`${field}.topologyKey`, "can not be empty"));
  else
    faults.push(
      ...qualifiedNameFaults(term.topologyKey).map((why) => invalid(`${field}.topologyKey`, term.topologyKey, why)),
    );
  return faults;
}

const EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

export function tolerationFaults(field: string, tolerations: readonly Toleration[] | undefined): FieldError[] {
  const faults: FieldError[] = [];
  for (const [index, toleration] of (tolerations ?? []).entries()) {
    const at = `${field}[${index}]`;
    if (toleration.key)
      faults.push(...qualifiedNameFaults(toleration.key).map((why) => invalid(`${at}.key`, toleration.key, why)));
    else if (toleration.operator !== "Exists") {
      faults.push(
        invalid(
          `${at}.operator`,
          toleration.operator ?? "",
          'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        ),
      );
    }
    if (toleration.tolerationSeconds !== undefined && toleration.effect !== "NoExecute") {
      faults.push(
        invalid(`${at}.effect`, toleration.effect ?? "", "effect must be 'NoExecute' when `tolerationSeconds` is set"),
      );
    }
    if (!toleration.operator || toleration.operator === "Equal") {
      faults.push(
        ...labelValueFaults(toleration.value ?? "").map((why) => invalid(`${at}.operator`, toleration.value, why)),
      );
    } else if (toleration.operator !== "Exists") {
      faults.push(notSupported(`${at}.operator`, toleration.operator, ["Equal", "Exists"]));
    } else if (toleration.value) {
      faults.push(invalid(`${at}.operator`, toleration, "value must be empty when `operator` is 'Exists'"));
    }
    if (toleration.effect) faults.push(...oneOf(`${at}.effect`, toleration.effect, EFFECTS));
  }
  return faults;
}

export function spreadFaults(
  field: string,
  constraints: readonly TopologySpreadConstraint[] | undefined,
): FieldError[] {
  const faults: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, constraint] of (constraints ?? []).entries()) {
    const at = `${field}[${index}]`;
    if (!(constraint.maxSkew > 0))
      faults.push(invalid(`${at}.maxSkew`, constraint.maxSkew ?? 0, "must be greater than zero"));
    if (!constraint.topologyKey) faults.push(required(`${at}.topologyKey`, "can not be empty"));
    const modes = ["DoNotSchedule", "ScheduleAnyway"];
    faults.push(...oneOf(`${at}.whenUnsatisfiable`, constraint.whenUnsatisfiable ?? "", modes));
    const pair = `{${constraint.topologyKey}, ${constraint.whenUnsatisfiable}}`;
    if (seen.has(pair)) faults.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, pair));
    seen.add(pair);
    if (constraint.minDomains !== undefined && constraint.minDomains <= 0) {
      faults.push(invalid(`${at}.minDomains`, constraint.minDomains, "must be greater than zero"));
    } else if (constraint.minDomains !== undefined && constraint.whenUnsatisfiable !== "DoNotSchedule") {
      const why = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${constraint.whenUnsatisfiable}`;
      faults.push(invalid(`${at}.minDomains`, constraint.minDomains, why));
    }
    for (const name of ["nodeAffinityPolicy", "nodeTaintsPolicy"] as const) {
      faults.push(...oneOf(`${at}.${name}`, constraint[name], ["Honor", "Ignore"]));
    }
    faults.push(...selectorFaults(`${at}.labelSelector`, constraint.labelSelector));
  }
  return faults;
}
