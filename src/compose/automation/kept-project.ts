/** Projects on their way to the daemon and back. */
import { NaruError } from "../../lib/errors.ts";
import type { ProjectModel } from "../service-model.ts";
import { AUTOSCALE_KEY } from "./autoscale.ts";
import type { KeptProject } from "./contract.ts";
import { SCHEDULE_KEY } from "./schedule.ts";

/** Whether the daemon has anything to do for the project. */
export function isAutomated(project: Pick<ProjectModel, "trees">): boolean {
  return Object.values(project.trees).some(
    (tree) => tree[SCHEDULE_KEY] !== undefined || tree[AUTOSCALE_KEY] !== undefined,
  );
}

/** The form that is sent. Other variables of the user's shell stay where they are. */
export function keptProject(project: ProjectModel): KeptProject {
  const named = [...Object.values(project.configs), ...Object.values(project.secrets)].map(
    ({ environment }) => environment,
  );
  const variables: Record<string, string> = {};
  for (const name of named) {
    const value = name === undefined ? undefined : project.variables.get(name);
    if (name !== undefined && value !== undefined) variables[name] = value;
  }
  return { ...project, variables };
}

/** The form that plans are made of. */
export function restoredProject(kept: KeptProject): ProjectModel {
  return { ...kept, variables: new Map(Object.entries(kept.variables)) };
}

/** A project of which only some services were named, laid over what was known. */
export function mergedProject(known: KeptProject | undefined, now: KeptProject): KeptProject {
  if (known === undefined) return now;
  const merged = { ...now };
  for (const section of ["services", "networks", "volumes", "secrets", "configs", "trees", "variables"] as const) {
    Object.assign(merged, { [section]: { ...known[section], ...now[section] } });
  }
  return { ...merged, disabled: now.disabled.filter((name) => !(name in merged.services)) };
}

/** What a client sent. @throws {NaruError} invalid when it is no project */
export function readKeptProject(value: unknown): KeptProject {
  const isRecord = (part: unknown): part is Record<string, unknown> =>
    typeof part === "object" && part !== null && !Array.isArray(part);
  const isMapOf = (part: unknown, isItem: (item: unknown) => boolean) =>
    isRecord(part) && Object.values(part).every(isItem);
  const isText = (part: unknown) => typeof part === "string";
  const isProject =
    isRecord(value) &&
    isText(value.name) &&
    ["services", "networks", "volumes", "secrets", "configs", "trees"].every((name) =>
      isMapOf(value[name], isRecord),
    ) &&
    isMapOf(value.variables, isText) &&
    Array.isArray(value.disabled) &&
    value.disabled.every(isText);
  if (!isProject) {
    throw new NaruError(
      "invalid",
      "this is no Compose project as naru sends it: is the client another version of naru?",
    );
  }
  return value as unknown as KeptProject;
}
