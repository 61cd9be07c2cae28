/** Tells the daemon which services it is to schedule and scale. */
import { isAutomated, keptProject } from "../../compose/automation/kept-project.ts";
import type { ProjectModel } from "../../compose/service-model.ts";
import { type ApiClient, ApiError } from "../client.ts";

const NOT_FOUND = 404;

/**
 * After `up`: the daemon schedules and scales the project as it is now. `isPartial`: only some services were named.
 * Resolves to a warning where the engine is not naru's.
 */
export async function registerAutomation(
  client: ApiClient,
  model: ProjectModel,
  { isPartial }: { isPartial: boolean },
): Promise<string | undefined> {
  if (!isAutomated(model)) return undefined;
  try {
    const query = { partial: isPartial };
    await client.send("PUT", `/naru/compose/${encodeURIComponent(model.name)}`, { json: keptProject(model), query });
    return undefined;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== NOT_FOUND) throw error;
    return "this engine is not naru's: nothing is scheduled or scaled (x-naru-schedule, x-naru-autoscale)";
  }
}

/** Long enough for large images; a client that dies leaves no more behind. */
const HOLD_SECONDS = 600;

/**
 * Keeps the daemon from scaling the project while `work` changes it. One that wants no automation (any more) is forgotten meanwhile,
 * unless only some of its services were named.
 */
export async function whileHeld<T>(
  client: ApiClient,
  project: Pick<ProjectModel, "name" | "trees">,
  { isPartial }: { isPartial: boolean },
  work: () => Promise<T>,
): Promise<T> {
  if (!isAutomated(project)) {
    const [done] = await Promise.all([work(), isPartial ? undefined : forgetAutomation(client, project.name)]);
    return done;
  }
  const hold = (seconds: number) =>
    quietly(
      client.post(`/naru/compose/${encodeURIComponent(project.name)}/hold`, { query: { seconds: String(seconds) } }),
    );
  await hold(HOLD_SECONDS);
  try {
    return await work();
  } finally {
    await hold(0);
  }
}

/** Another engine has nothing to hold or to forget. */
async function quietly(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== NOT_FOUND) throw error;
  }
}

/** After `down`, and after an `up` of files that want none of it. */
export async function forgetAutomation(client: ApiClient, project: string): Promise<void> {
  await quietly(client.delete(`/naru/compose/${encodeURIComponent(project)}`));
}
