/** What `kubectl get` shows of flow schemas and priority levels. */
import type { FlowSchema, PriorityLevelConfiguration } from "../../../model/kubernetes/flowcontrol.ts";
import type { TableColumn } from "../../machinery/definition.ts";
import { AGE, NAME, NONE, text } from "./column.ts";

export const FLOW_SCHEMA_COLUMNS: readonly TableColumn<FlowSchema>[] = [
  NAME as TableColumn<FlowSchema>,
  text("PriorityLevel", ({ spec }) => spec?.priorityLevelConfiguration.name ?? NONE),
  text("MatchingPrecedence", ({ spec }) => spec?.matchingPrecedence ?? null),
  text("DistinguisherMethod", ({ spec }) => spec?.distinguisherMethod?.type ?? NONE),
  AGE as TableColumn<FlowSchema>,
  text("MissingPL", ({ status }) => status?.conditions?.find(({ type }) => type === "Dangling")?.status ?? "?"),
];

const queuingOf = ({ spec }: PriorityLevelConfiguration) => spec?.limited?.limitResponse?.queuing;

export const PRIORITY_LEVEL_COLUMNS: readonly TableColumn<PriorityLevelConfiguration>[] = [
  NAME as TableColumn<PriorityLevelConfiguration>,
  text("Type", ({ spec }) => spec?.type ?? NONE),
  text("NominalConcurrencyShares", ({ spec }) => (spec?.limited ?? spec?.exempt)?.nominalConcurrencyShares ?? NONE),
  text("Queues", (level) => queuingOf(level)?.queues ?? NONE),
  text("HandSize", (level) => queuingOf(level)?.handSize ?? NONE),
  text("QueueLengthLimit", (level) => queuingOf(level)?.queueLengthLimit ?? NONE),
  AGE as TableColumn<PriorityLevelConfiguration>,
];
