import type { ComposeEngine, ObservedContainer, ObservedProject, OnProgress, OutputChunk } from "../contract.ts";
import type { Separator } from "../service-containers/container-name.ts";
import type { ProjectModel } from "../service-model.ts";

/** How a plan is carried out. */
export interface RunOptions {
  separator: Separator;
  onProgress: OnProgress;
  /** Hears what is no failure. */
  warn: (text: string) => void;
  /** How many steps at once; 0 or less: all. */
  parallel: number;
  signal?: AbortSignal;
  /** Seconds until containers that stop are killed; undefined is their own. */
  timeout?: number;
  /** Replacements get anonymous volumes of their own. */
  renewsAnonymousVolumes?: boolean;
  /** Anonymous volumes of removed containers go too. */
  removesAnonymousVolumes?: boolean;
  /** Variables for proxies. */
  proxies?: Readonly<Record<string, string>>;
  /** Seconds until waiting for services fails. */
  waitTimeout?: number;
  /** Called with every container before its start, so that no output is missed. */
  beforeStart?: (container: LiveContainer) => Promise<void>;
  /** What lifecycle hooks write. */
  onHookOutput?: (container: string, chunk: OutputChunk) => void;
}
export interface LiveContainer {
  id: string;
  name: string;
  service: string;
  number: number;
}

/** What steps share while a plan is carried out. */
export interface RunContext {
  readonly engine: ComposeEngine;
  /** Undefined where only the project's name is known. */
  readonly project: ProjectModel | undefined;
  readonly projectName: string;
  readonly observed: ObservedProject;
  readonly options: RunOptions;
  readonly live: LiveContainers;
  /** Replacements whose old container was kept, and would come back. */
  readonly kept: KeptContainer[];
  /** Names of containers that failed in an update which goes on, by service. */
  readonly failed: Map<string, Set<string>>;
}
/** An old container beside the one that took its place. */
export interface KeptContainer {
  old: ObservedContainer;
  replacement: LiveContainer;
}

/** The containers of a project as they are by now. */
export class LiveContainers {
  private readonly all = new Map<string, LiveContainer>();

  constructor(observed: ObservedProject) {
    for (const { id, name, service, number, isOneOff } of observed.containers)
      if (!isOneOff) this.add({ id, name, service, number });
  }

  add(container: LiveContainer): void {
    this.all.set(container.id, container);
  }

  remove(id: string): void {
    this.all.delete(id);
  }

  /** Those of a service, by name. */
  of(service: string): LiveContainer[] {
    return [...this.all.values()]
      .filter((container) => container.service === service)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The one of that name, if it is there. */
  named(name: string): LiveContainer | undefined {
    return [...this.all.values()].find((container) => container.name === name);
  }
}
