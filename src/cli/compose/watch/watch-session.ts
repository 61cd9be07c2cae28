import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ComposeProject } from "../../../compose/load-project.ts";
import type { Separator } from "../../../compose/service-containers/container-name.ts";
import { errorText } from "../../../lib/errors.ts";
import type { ContainerSummary } from "../../../model/container.ts";
import { CliError } from "../../cli-error.ts";
import type { ApiClient } from "../../client.ts";
import { imageOfService } from "../build/service-build.ts";
import type { HttpEngine } from "../http-engine.ts";
import { listProjectContainers, nameOf } from "../project-containers.ts";
import { servicesOf } from "../project-services.ts";
import { PathWatcher } from "./path-watcher.ts";
import { type PathPair, syncFiles } from "./sync-files.ts";
import { isIgnored, targetOf, type WatchRule, watchRules } from "./watch-rules.ts";

interface WatchTask {
  client: ApiClient;
  engine: HttpEngine;
  project: ComposeProject;
  separator: Separator;
  /** Those to watch; none means all that have rules. */
  services: readonly string[];
  /** Builds the services' images anew and puts new containers in place of the old ones. */
  rebuild(services: readonly string[]): Promise<void>;
  /** One line about what goes on. */
  tell(line: string): void;
  signal: AbortSignal;
}

/**
 * Watches the paths of the services' `develop.watch` until the signal, and does what their rules say. What fails is told, and the
 * watching goes on. Throws CliError when there is nothing to watch.
 */
export async function watchProject(task: WatchTask): Promise<void> {
  const rules = await projectRules(task.project, task.services, task.tell);
  const work = new WatchWork(task, rules);
  const broken = Promise.withResolvers<void>();
  // It may break while files are synced for the first time: told below.
  broken.promise.catch(() => {});
  const watcher = await PathWatcher.open({
    paths: [...new Set(rules.map(({ path }) => path))],
    ignores: (path) => rules.filter((rule) => isAt(rule, path)).every((rule) => isIgnored(rule, path)),
    onChanges: (paths) => work.take(paths),
    onError: broken.reject,
  });
  try {
    await work.syncFirst();
    task.tell("Watch enabled");
    const left = new Promise<void>((resolve) => {
      if (task.signal.aborted) resolve();
      task.signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.race([left, broken.promise]);
  } finally {
    watcher.close();
    await work.settled();
  }
}

/** The rule's path is the path, or one of them lies in the other. */
function isAt({ path }: WatchRule, other: string): boolean {
  return path === other || other.startsWith(`${path}/`) || path.startsWith(`${other}/`);
}

/** The rules of the services (none: of all). Those for what is mounted anyway are told and left out. Throws CliError when there are none. */
export async function projectRules(
  project: ComposeProject,
  services: readonly string[],
  tell: (line: string) => void,
): Promise<WatchRule[]> {
  const all = servicesOf(project);
  const names = services.length === 0 ? Object.keys(all) : services;
  const rules = (await Promise.all(names.map((name) => watchRules(name, all[name]!)))).flat();
  if (rules.length === 0) {
    throw new CliError("none of the selected services is configured for watch: give one a develop.watch section");
  }
  return rules.filter((rule) => {
    const mount = mountedPath(all[rule.service]!, rule);
    if (mount) tell(`${rule.path} is not watched: ${rule.service} mounts it already`);
    return !mount;
  });
}

/** What is bind mounted is in the container without syncing. */
function mountedPath({ volumes }: { volumes?: unknown }, { path, target }: WatchRule): boolean {
  if (target === "" || !Array.isArray(volumes)) return false;
  return volumes.some((mount: { type?: unknown; source?: unknown }) => {
    const { source } = mount;
    return mount.type === "bind" && typeof source === "string" && (path === source || path.startsWith(`${source}/`));
  });
}

/** What the gathered changes mean for one service. */
interface ServiceChanges {
  rebuilds: boolean;
  restarts: boolean;
  /** By target. */
  pairs: Map<string, PathPair>;
  execs: WatchRule[];
}

class WatchWork {
  private pending = new Set<string>();
  private working: Promise<void> | undefined;

  constructor(
    private readonly task: WatchTask,
    private readonly rules: readonly WatchRule[],
  ) {}

  take(paths: ReadonlySet<string>): void {
    for (const path of paths) this.pending.add(path);
    this.working ??= this.workOff().finally(() => {
      this.working = undefined;
    });
  }

  async settled(): Promise<void> {
    await this.working;
  }

  private async workOff(): Promise<void> {
    while (this.pending.size > 0 && !this.task.signal.aborted) {
      const paths = this.pending;
      this.pending = new Set();
      await this.apply(paths).catch((error: unknown) => {
        if (!this.task.signal.aborted) this.task.tell(`Error: ${errorText(error)}`);
      });
    }
  }

  private async apply(paths: ReadonlySet<string>): Promise<void> {
    const changes = changesOf(this.rules, paths);
    const rebuilt = [...changes].filter(([, { rebuilds }]) => rebuilds).map(([service]) => service);
    if (rebuilt.length > 0) {
      this.task.tell(`Rebuilding service(s) ${quoted(rebuilt)} after changes were detected...`);
      await this.task.rebuild(rebuilt);
      this.task.tell(`service(s) ${quoted(rebuilt)} successfully built`);
    }
    // After the rebuild: what is synced goes into the containers that are there then.
    for (const [service, change] of changes) await this.applySync(service, change);
  }

  private async applySync(service: string, { pairs, restarts, execs }: ServiceChanges): Promise<void> {
    if (pairs.size === 0 && !restarts) return;
    const containers = await this.containersOf(service);
    if (containers.length === 0)
      return this.task.tell(`service ${JSON.stringify(service)} does not run: nothing synced`);
    if (pairs.size > 0) {
      this.task.tell(`Syncing service ${JSON.stringify(service)} after ${pairs.size} changes were detected`);
      await Promise.all(containers.map((container) => this.sync(container, [...pairs.values()])));
    }
    for (const { exec } of execs) for (const container of containers) await this.exec(container, exec!);
    if (!restarts) return;
    await Promise.all(containers.map(({ Id }) => this.task.engine.restartContainer(Id)));
    this.task.tell(`service(s) ${quoted([service])} restarted`);
  }

  private async exec(container: ContainerSummary, command: NonNullable<WatchRule["exec"]>): Promise<void> {
    const said: Uint8Array[] = [];
    const code = await this.task.engine.exec(container.Id, command, ({ bytes }) => void said.push(bytes.slice()));
    const text = Buffer.concat(said).toString().trimEnd();
    if (text !== "") this.task.tell(text);
    if (code !== 0) throw new CliError(`${command.command.join(" ")} ended with ${code} in ${nameOf(container)}`);
  }

  private async sync(container: ContainerSummary, pairs: readonly PathPair[]): Promise<void> {
    await syncFiles(this.task.client, this.task.engine, container.Id, pairs);
  }

  private async containersOf(service: string): Promise<ContainerSummary[]> {
    const { client, project } = this.task;
    return await listProjectContainers(client, project.name, { services: [service] });
  }

  /** Of rules with `initial_sync`: brings over what is newer than the service's image. */
  async syncFirst(): Promise<void> {
    for (const rule of this.rules.filter(({ syncsFirst, target }) => syncsFirst && target !== "")) {
      const { Created = "" } = await this.task.engine.inspectImage(
        imageOfService(this.task.project, rule.service, this.task.separator),
      );
      const pairs = await newerThan(rule, rule.path, Date.parse(Created) || 0);
      const containers = await this.containersOf(rule.service);
      if (pairs.length > 0) await Promise.all(containers.map((container) => this.sync(container, pairs)));
    }
  }
}

function changesOf(rules: readonly WatchRule[], paths: ReadonlySet<string>): Map<string, ServiceChanges> {
  const changes = new Map<string, ServiceChanges>();
  for (const rule of rules) {
    for (const path of paths) {
      const target = targetOf(rule, path);
      if (target === undefined) continue;
      const change: ServiceChanges = changes.get(rule.service) ?? newChanges();
      changes.set(rule.service, change);
      if (target !== "") change.pairs.set(target, { path, target });
      if (rule.action === "rebuild") change.rebuilds = true;
      if (rule.action.endsWith("restart")) change.restarts = true;
      if (rule.action === "sync+exec" && !change.execs.includes(rule)) change.execs.push(rule);
    }
  }
  return changes;
}

const newChanges = (): ServiceChanges => ({ rebuilds: false, restarts: false, pairs: new Map(), execs: [] });

async function newerThan(rule: WatchRule, path: string, thanMs: number): Promise<PathPair[]> {
  const target = targetOf(rule, path);
  const found = await stat(path).catch(() => undefined);
  if (!found || isIgnored(rule, path)) return [];
  const own = target !== undefined && !found.isDirectory() && found.mtimeMs > thanMs ? [{ path, target }] : [];
  if (!found.isDirectory()) return own;
  const children = await readdir(path);
  return (await Promise.all(children.map((child) => newerThan(rule, join(path, child), thanMs)))).flat();
}

const quoted = (names: readonly string[]) => JSON.stringify(names);
