import { LABELS } from "../../../compose/labels.ts";
import { bringUp, NO_IMAGE_WISHES } from "../bring-up.ts";
import { buildServices } from "../build/build-services.ts";
import { servicesToBuild } from "../build/service-build.ts";
import type { ComposeContext } from "../declaration.ts";
import { HttpEngine } from "../http-engine.ts";
import { watchProject } from "./watch-session.ts";

interface WatchWishes {
  /** None means all that have a `develop.watch`. */
  services: readonly string[];
  /** Builds are not shown. */
  quiet: boolean;
  /** Removes images of the project that a rebuild left without a name. */
  prunes: boolean;
  /** Hears a line about what goes on; without it standard error does. */
  tell?(line: string): void;
  /** Around work that draws its progress on the screen. */
  whileDrawing?<T>(work: () => Promise<T>): Promise<T>;
}

/** Watches the sources of a project that runs, until the signal. For `watch` and `up --watch`. Throws CliError. */
export async function startWatching(context: ComposeContext, wishes: WatchWishes, signal: AbortSignal): Promise<void> {
  const client = await context.client();
  const project = await context.loadProject({ services: wishes.services });
  const rebuildNow = async (services: readonly string[]) => {
    await buildServices(context, project, servicesToBuild(project, services, false, context.separator), {
      quiet: wishes.quiet,
      signal,
    });
    await bringUp(context, { ...UNCHANGED, services, noDependencies: true, callsProviders: true }, signal);
    if (!wishes.prunes) return;
    const filters = { dangling: ["true"], label: [`${LABELS.project}=${project.name}`] };
    await client.post("/images/prune", { query: { filters }, signal });
  };
  const { whileDrawing } = wishes;
  const rebuild = (services: readonly string[]) =>
    whileDrawing ? whileDrawing(() => rebuildNow(services)) : rebuildNow(services);
  await watchProject({
    client,
    engine: new HttpEngine(client, context),
    project,
    separator: context.separator,
    services: wishes.services,
    rebuild,
    tell: wishes.tell ?? ((line) => context.printError(`${line}\n`)),
    signal,
  });
}

/** Brings up what is out of date, and nothing else. */
export const UNCHANGED = {
  ...NO_IMAGE_WISHES,
  recreate: "diverged",
  recreateDependencies: "diverged",
  starts: true,
  noDependencies: false,
  removesOrphans: false,
  scale: [],
  saysYes: false,
} as const;
