import { LABELS } from "../../compose/labels.ts";
import { canonicalName } from "../../compose/observe/observe-project.ts";
import type { ContainerSummary } from "../../model/container.ts";
import { CliError } from "../cli-error.ts";
import type { ApiClient } from "../client.ts";
import { byCodePoint } from "../rows/row-text.ts";

interface ContainerChoice {
  /** Those that do not run too. */
  all?: boolean;
  /** Those that `run` made. */
  oneOffs?: "exclude" | "include";
  /** Only of these services; none means all. */
  services?: readonly string[];
  /** Sizes of their files. */
  withSize?: boolean;
}

/** The name of a container, without its slash. */
export const nameOf = ({ Names }: ContainerSummary) => canonicalName(Names);
export const serviceNameOf = ({ Labels }: ContainerSummary) => Labels[LABELS.service] ?? "";
export const numberOf = ({ Labels }: ContainerSummary) => Number(Labels[LABELS.number] ?? 0);
const isOneOff = ({ Labels }: ContainerSummary) => Labels[LABELS.oneOff] === "True";

/** The containers of a project, by name. */
export async function listProjectContainers(
  client: ApiClient,
  project: string,
  { all, oneOffs = "exclude", services = [], withSize }: ContainerChoice,
): Promise<ContainerSummary[]> {
  const label = [`${LABELS.project}=${project}`, LABELS.configHash];
  if (oneOffs === "exclude") label.push(`${LABELS.oneOff}=False`);
  const found = await client.get<ContainerSummary[]>("/containers/json", {
    query: { all, size: withSize, filters: { label } },
  });
  const wanted = services.length === 0 ? found : found.filter((each) => services.includes(serviceNameOf(each)));
  return wanted.sort((a, b) => byCodePoint(nameOf(a), nameOf(b)));
}

/**
 * The container of a service that a command means: of that number, or else the first; those that `run` made come last.
 * Throws CliError in docker compose's words when there is none.
 */
export async function findServiceContainer(
  client: ApiClient,
  project: string,
  service: string,
  { index = 0, all = false }: { index?: number; all?: boolean } = {},
): Promise<ContainerSummary> {
  const label = [`${LABELS.project}=${project}`, `${LABELS.service}=${service}`, LABELS.configHash];
  if (index > 0) label.push(`${LABELS.number}=${index}`);
  const found = await client.get<ContainerSummary[]>("/containers/json", { query: { all, filters: { label } } });
  const [first] = found.sort((a, b) => Number(isOneOff(a)) - Number(isOneOff(b)) || numberOf(a) - numberOf(b));
  if (first) return first;
  throw new CliError(`service ${JSON.stringify(service)} is not running${index > 0 ? ` container #${index}` : ""}`);
}
