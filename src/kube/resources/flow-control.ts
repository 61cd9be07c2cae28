/** Which requests to the API are served before others: flow schemas and priority levels (flowcontrol.apiserver.k8s.io/v1). */

import type {
  FlowSchema,
  LimitedPriorityLevelConfiguration,
  LimitResponse,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  Subject,
} from "../../model/kubernetes/flowcontrol.ts";
import { FLOW_SCHEMAS, PRIORITY_LEVEL_CONFIGURATIONS } from "../../model/kubernetes/names.ts";
import type { KubeObject } from "../../model/kubernetes/object.ts";
import {
  DEFAULT_FLOW_SCHEMAS,
  DEFAULT_PRIORITY_LEVELS,
  EXEMPT,
  isMandatory,
} from "../flow-control/flow-control-defaults.ts";
import { copyOf } from "../machinery/copy.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { type FieldError, forbidden, invalid, notSupported, required } from "../machinery/field-error.ts";
import { nonNegative, oneOf } from "./common-rules.ts";
import { statusUpdate } from "./status-update.ts";

const DEFAULT_PRECEDENCE = 1000;
const LAST_PRECEDENCE = 10_000;
const DEFAULT_SHARES = 30;
const MOST_QUEUES = 10_000_000;
/** Hands are dealt from a number of so many bits. */
const HAND_BITS = 60;

export const flowSchemas: ResourceDefinition<FlowSchema> = {
  type: FLOW_SCHEMAS,
  singular: "flowschema",
  generation: true,
  partialUpdates: { status: statusUpdate() },
  defaults({ spec }) {
    if (spec === undefined) return;
    spec.matchingPrecedence ??= DEFAULT_PRECEDENCE;
    for (const rule of spec.rules ?? []) {
      for (const resource of rule.resourceRules ?? [])
        if (resource.clusterScope === false) delete resource.clusterScope;
    }
  },
  validate(schema) {
    const { spec, metadata } = schema;
    if (spec === undefined) return [required("spec")];
    const faults = mandatoryFaults(schema, DEFAULT_FLOW_SCHEMAS);
    const precedence = spec.matchingPrecedence ?? DEFAULT_PRECEDENCE;
    if (precedence < 1 || precedence > LAST_PRECEDENCE) {
      const why = `must be a value between 1 and ${LAST_PRECEDENCE}, inclusive`;
      faults.push(invalid("spec.matchingPrecedence", precedence, why));
    } else if (precedence === 1 && metadata.name !== EXEMPT) {
      const why = `only the schema named '${EXEMPT}' may have matchingPrecedence 1`;
      faults.push(invalid("spec.matchingPrecedence", precedence, why));
    }
    if (spec.distinguisherMethod !== undefined) {
      const { type } = spec.distinguisherMethod;
      faults.push(...oneOf("spec.distinguisherMethod", type ?? "", ["ByNamespace", "ByUser"]));
    }
    if (!spec.priorityLevelConfiguration?.name) {
      faults.push(required("spec.priorityLevelConfiguration.name", "must reference a priority level"));
    }
    return [...faults, ...(spec.rules ?? []).flatMap((rule, at) => ruleFaults(rule, `spec.rules[${at}]`))];
  },
};

export const priorityLevelConfigurations: ResourceDefinition<PriorityLevelConfiguration> = {
  type: PRIORITY_LEVEL_CONFIGURATIONS,
  singular: "prioritylevelconfiguration",
  generation: true,
  partialUpdates: { status: statusUpdate() },
  defaults({ spec }) {
    if (spec?.exempt !== undefined) {
      spec.exempt.nominalConcurrencyShares ??= 0;
      spec.exempt.lendablePercent ??= 0;
    }
    if (spec?.limited === undefined) return;
    spec.limited.nominalConcurrencyShares ??= DEFAULT_SHARES;
    spec.limited.lendablePercent ??= 0;
    const { queuing } = spec.limited.limitResponse ?? {};
    if (queuing === undefined) return;
    queuing.queues ??= 64;
    queuing.handSize ??= 8;
    queuing.queueLengthLimit ??= 50;
  },
  validate(level) {
    const { spec } = level;
    if (spec === undefined) return [required("spec")];
    const faults = mandatoryFaults(level, DEFAULT_PRIORITY_LEVELS);
    if (spec.type === "Exempt") {
      if (spec.limited !== undefined) {
        faults.push(forbidden("spec.limited", "must be nil if the type is not Limited"));
      }
      return [...faults, ...percentFaults("spec.exempt", spec.exempt ?? {})];
    }
    if (spec.type !== "Limited") return [...faults, notSupported("spec.type", spec.type ?? "", ["Exempt", "Limited"])];
    if (spec.exempt !== undefined) faults.push(forbidden("spec.exempt", "must be nil if the type is Limited"));
    if (spec.limited === undefined)
      return [...faults, required("spec.limited", "must not be empty when type is Limited")];
    return [...faults, ...limitedFaults(spec.limited)];
  },
};

/** The mandatory objects stay as they are, but for what an exempt level lends. */
function mandatoryFaults<T extends KubeObject & { spec?: object }>(object: T, defaults: readonly T[]): FieldError[] {
  const { name } = object.metadata;
  const fixed = isMandatory(name) ? defaults.find(({ metadata }) => metadata.name === name) : undefined;
  if (fixed === undefined) return [];
  const compared = (spec: object | undefined) => ({ ...spec, exempt: undefined });
  if (Bun.deepEquals(compared(object.spec), compared(fixed.spec))) return [];
  return [invalid("spec", copyOf(object.spec), `spec of '${name}' must equal the fixed value`)];
}

function percentFaults(
  at: string,
  { nominalConcurrencyShares, lendablePercent = 0 }: { nominalConcurrencyShares?: number; lendablePercent?: number },
): FieldError[] {
  const faults = nonNegative(`${at}.nominalConcurrencyShares`, nominalConcurrencyShares);
  if (lendablePercent < 0 || lendablePercent > 100) {
    faults.push(invalid(`${at}.lendablePercent`, lendablePercent, "must be between 0 and 100, inclusive"));
  }
  return faults;
}

function limitedFaults(limited: LimitedPriorityLevelConfiguration): FieldError[] {
  return [
    ...percentFaults("spec.limited", limited),
    ...nonNegative("spec.limited.borrowingLimitPercent", limited.borrowingLimitPercent),
    ...responseFaults(limited.limitResponse, "spec.limited.limitResponse"),
  ];
}

function responseFaults(response: LimitResponse | undefined, at: string): FieldError[] {
  if (response?.type !== "Queue") {
    const faults =
      response?.type === "Reject" ? [] : [notSupported(`${at}.type`, response?.type ?? "", ["Queue", "Reject"])];
    return response?.queuing === undefined
      ? faults
      : [...faults, forbidden(`${at}.queuing`, "must be nil if limited.limitResponse.type is not Limited")];
  }
  if (response.queuing === undefined) {
    return [required(`${at}.queuing`, "must not be empty if limited.limitResponse.type is Limited")];
  }
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = response.queuing;
  const faults: FieldError[] = [];
  const positive = (name: string, value: number) => {
    if (value <= 0) faults.push(invalid(`${at}.queuing.${name}`, value, "must be positive"));
  };
  positive("queueLengthLimit", queueLengthLimit);
  positive("queues", queues);
  positive("handSize", handSize);
  if (queues > MOST_QUEUES) {
    faults.push(invalid(`${at}.queuing.queues`, queues, `must not be greater than ${MOST_QUEUES}`));
  }
  if (handSize > queues) {
    faults.push(invalid(`${at}.queuing.handSize`, handSize, `should not be greater than queues (${queues})`));
  } else if (handBits(queues, handSize) > HAND_BITS) {
    const why = `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${HAND_BITS}`;
    faults.push(invalid(`${at}.queuing.handSize`, handSize, why));
  }
  return faults;
}

function handBits(queues: number, handSize: number): number {
  let bits = 0;
  for (let dealt = 0; dealt < Math.min(handSize, HAND_BITS + 1); dealt++)
    bits += Math.log2(Math.max(1, queues - dealt));
  return Math.ceil(bits);
}

function ruleFaults(rule: PolicyRulesWithSubjects, at: string): FieldError[] {
  const { subjects = [], resourceRules = [], nonResourceRules = [] } = rule;
  const faults: FieldError[] = [];
  if (subjects.length === 0) faults.push(required(`${at}.subjects`, "subjects must contain at least one value"));
  if (resourceRules.length === 0 && nonResourceRules.length === 0) {
    faults.push(required(at, "at least one of resourceRules and nonResourceRules has to be non-empty"));
  }
  const list = (field: string, values: readonly string[] | undefined) => faults.push(...listFaults(field, values));
  for (const [index, one] of resourceRules.entries()) {
    const where = `${at}.resourceRules[${index}]`;
    list(`${where}.verbs`, one.verbs);
    list(`${where}.apiGroups`, one.apiGroups);
    list(`${where}.resources`, one.resources);
    const namespaces = one.namespaces ?? [];
    if (namespaces.length > 0) list(`${where}.namespaces`, namespaces);
    else if (!one.clusterScope) {
      const why = "resource rules that are not cluster scoped must supply at least one namespace";
      faults.push(required(`${where}.namespaces`, why));
    }
  }
  for (const [index, one] of nonResourceRules.entries()) {
    const where = `${at}.nonResourceRules[${index}]`;
    list(`${where}.verbs`, one.verbs);
    list(`${where}.nonResourceURLs`, one.nonResourceURLs);
  }
  return [...faults, ...subjects.flatMap((subject, index) => subjectFaults(subject, `${at}.subjects[${index}]`))];
}

/** A star stands alone. */
function listFaults(field: string, values: readonly string[] = []): FieldError[] {
  if (values.length === 0) return [required(field, `${field.split(".").at(-1)} must contain at least one value`)];
  return values.length > 1 && values.includes("*")
    ? [invalid(field, values, `if '*' is present, must not specify other ${field.split(".").at(-1)}`)]
    : [];
}

function subjectFaults(subject: Subject, at: string): FieldError[] {
  const parts = { User: subject.user, Group: subject.group, ServiceAccount: subject.serviceAccount };
  if (!Object.hasOwn(parts, subject.kind ?? "")) {
    return [notSupported(`${at}.kind`, subject.kind ?? "", Object.keys(parts))];
  }
  const faults: FieldError[] = [];
  for (const [kind, part] of Object.entries(parts)) {
    const field = `${at}.${kind.charAt(0).toLowerCase()}${kind.slice(1)}`;
    if (kind !== subject.kind) {
      if (part !== undefined)
        faults.push(forbidden(field, `${field.split(".").at(-1)} is forbidden when subject kind is not '${kind}'`));
    } else if (part === undefined) {
      faults.push(required(field, `${field.split(".").at(-1)} is required when subject kind is '${kind}'`));
    } else if (!part.name) faults.push(required(`${field}.name`));
    else if (kind === "ServiceAccount" && !subject.serviceAccount?.namespace) {
      faults.push(required(`${field}.namespace`, "must specify namespace for service account"));
    }
  }
  return faults;
}
