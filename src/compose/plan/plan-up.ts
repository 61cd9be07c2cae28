import { NaruError } from "../../lib/errors.ts";
import { automaticReplicas, scheduleReason } from "../automation/automated-plan.ts";
import type { ObservedContainer, ObservedProject, Plan, StepAction } from "../contract.ts";
import { containerName, imageOf, type Separator, scaleOf } from "../service-containers/container-name.ts";
import { refuseUnsupported } from "../service-containers/create-request.ts";
import { containerHash, referredServices, resolvedService } from "../service-containers/references.ts";
import type { ProjectModel, ServiceModel } from "../service-model.ts";
import { planOrphans } from "./orphans.ts";
import { planReplacements } from "./plan-replacements.ts";
import { planNetworks, planVolumes } from "./plan-resources.ts";
import { leftOverReason, type RecreatePolicy, recreateReason } from "./recreate-reason.ts";
import { dependentsOf, inDependencyOrder } from "./service-order.ts";
import { StepList } from "./step-list.ts";
import { updateOrder } from "./update-order.ts";

export interface UpWishes {
  /** Services that were named; none means all. */
  services: readonly string[];
  /** For services that were named, and for those they depend on. */
  recreate: RecreatePolicy;
  recreateDependencies: RecreatePolicy;
  /** False only creates. */
  starts: boolean;
  /** Ends when all services are running, and healthy where they have a check. */
  waits?: boolean;
  orphans: "warn" | "remove" | "ignore";
  /** How many containers, where it differs from the files. */
  scale: Readonly<Record<string, number>>;
  separator: Separator;
  /** Full names of changed volumes that may be made anew. */
  lostVolumes: ReadonlySet<string>;
}

/** What `up` (or `create`, `scale`) has to do. Throws NaruError for what cannot be. */
export function planUp(project: ProjectModel, observed: ObservedProject, wishes: UpWishes): Plan {
  return new UpPlanner(project, observed, wishes).plan();
}

class UpPlanner {
  private readonly steps = new StepList();
  private readonly networks;
  private readonly volumes;
  /** Services of which a container is new: ids that others hold are no longer good. */
  private readonly renewed = new Set<string>();
  /** Containers that stop since what they depend on is made anew. */
  private readonly stopped = new Map<string, string>();
  /** The steps that stop them, by the service that is made anew. */
  private readonly stopsFor = new Map<string, string[]>();
  /** Containers that go with a volume that is made anew. */
  private readonly gone: ReadonlySet<string>;

  constructor(
    private readonly project: ProjectModel,
    private readonly observed: ObservedProject,
    private readonly wishes: UpWishes,
  ) {
    this.networks = planNetworks(project, observed);
    this.volumes = planVolumes(project, observed, wishes.lostVolumes);
    this.steps.all.push(...this.networks.steps, ...this.volumes.steps);
    const lost = this.volumes.steps.flatMap(({ action }) => (action.kind === "recreate-volume" ? action.usedBy : []));
    this.gone = new Set(lost.map(({ id }) => id));
  }

  plan(): Plan {
    const orphans = planOrphans(this.project, this.observed, this.wishes.orphans);
    for (const name of inDependencyOrder(this.project.services)) this.planService(name);
    if (this.wishes.waits) this.planWaits();
    return {
      project: this.project.name,
      steps: [...orphans.steps, ...this.steps.all],
      warnings: [...this.networks.warnings, ...this.volumes.warnings, ...orphans.warnings],
    };
  }

  private planService(name: string): void {
    const service = this.project.services[name]!;
    refuseUnsupported(name, service);
    const count = this.countOf(name, service);
    const containers = this.containersOf(name);
    const reasons = this.reasonsToRecreate(name, service, containers);
    const byNumber = (a: ObservedContainer, b: ObservedContainer) => a.number - b.number || a.created - b.created;
    // What is out of date goes first when there are too many.
    const sorted = [...containers].sort(
      (a, b) => Number(reasons.has(a.id)) - Number(reasons.has(b.id)) || byNumber(a, b),
    );
    for (const { id, name: container, state } of sorted.slice(count)) {
      const action = {
        kind: "remove-container",
        service: name,
        container,
        id,
        isRunning: state !== "exited" && state !== "created",
      } as const;
      this.steps.add(`remove ${container}`, action, [], `${count} of ${containers.length} containers are wished`);
    }
    const kept = sorted.slice(0, count);
    const outdated = kept.filter(({ id }) => reasons.has(id));
    if (outdated.length > 0 || kept.length < count) this.renewed.add(name);
    if (outdated.length > 0) this.stopDependents(name);
    for (const container of kept) if (!reasons.has(container.id)) this.keep(name, service, container);
    this.recreate(name, service, outdated, reasons);
    let number = Math.max(0, ...containers.map((container) => container.number));
    for (let missing = count - kept.length; missing > 0; missing--) this.create(name, service, ++number);
  }

  private planWaits(): void {
    for (const [service, model] of Object.entries(this.project.services)) {
      if (this.countOf(service, model) === 0 || this.scheduleOf(service) !== undefined) continue;
      const action: StepAction = { kind: "wait", service, condition: "running_or_healthy", isRequired: true };
      this.steps.add(`wait ${service} running_or_healthy`, action, this.steps.startedBy(service), "wished (--wait)");
    }
  }

  private countOf(name: string, service: ServiceModel): number {
    const automatic = () => automaticReplicas(name, this.project.trees[name], this.containersOf(name).length);
    const count = this.wishes.scale[name] ?? automatic() ?? scaleOf(service);
    if (service.container_name && count > 1) {
      throw new NaruError(
        "invalid",
        `The ${JSON.stringify(name)} service is using the custom container name ${JSON.stringify(service.container_name)}. Docker requires each container to have a unique name. Remove the custom name to scale the service`,
      );
    }
    return count;
  }

  /** Why a service is not started now, when it has a schedule. */
  private scheduleOf(name: string): string | undefined {
    return scheduleReason(name, this.project.trees[name]);
  }

  private nameOf(name: string, service: ServiceModel, number: number): string {
    return containerName(this.project.name, { name, ownName: service.container_name }, number, this.wishes.separator);
  }

  private containersOf(name: string): ObservedContainer[] {
    return this.observed.containers.filter(
      ({ id, service, isOneOff }) => service === name && !isOneOff && !this.gone.has(id),
    );
  }

  private reasonsToRecreate(name: string, service: ServiceModel, containers: ObservedContainer[]): Map<string, string> {
    const reasons = new Map<string, string>();
    if (containers.length === 0) return reasons;
    const forAll = this.reasonForAll(service);
    const { services, recreate, recreateDependencies } = this.wishes;
    const policy = services.length === 0 || services.includes(name) ? recreate : recreateDependencies;
    const image = this.imageOf(name, service);
    const hash = () => {
      const resolved = resolvedService(service, (each) => this.containersOf(each));
      return containerHash(this.project.trees[name]!, name, resolved);
    };
    const wished = forAll === undefined && policy === "diverged" ? { service, hash: hash(), image } : undefined;
    for (const container of containers) {
      const reason =
        forAll ??
        recreateReason(this.project, this.observed, wished ?? { service, hash: "", image }, container, policy) ??
        (policy === "never" ? undefined : leftOverReason(container, this.nameOf(name, service, container.number)));
      if (reason !== undefined) reasons.set(container.id, reason);
    }
    return reasons;
  }

  private reasonForAll(service: ServiceModel): string | undefined {
    const shared = referredServices(service).find((each) => this.renewed.has(each));
    if (shared !== undefined) return `it uses a container of ${shared}, which is made anew`;
    const network = Object.keys(service.networks ?? {}).find((key) => this.networks.recreated.has(key));
    return network && `its network ${network} is made anew`;
  }

  private keep(name: string, service: ServiceModel, { id, name: container, state }: ObservedContainer): void {
    const restarted = this.stopped.get(id);
    const schedule = this.scheduleOf(name);
    const stays = state === "running" || state === "paused" || !this.wishes.starts || schedule !== undefined;
    if (restarted === undefined && stays) {
      const why = state === "running" ? "nothing changed, and it runs" : `nothing changed (${state})`;
      const reason = schedule === undefined ? why : `nothing changed; ${schedule}`;
      this.steps.add(`keep ${container}`, { kind: "keep-container", service: name, container, id, state }, [], reason);
      return;
    }
    const reason = restarted === undefined ? `it is there but does not run (${state})` : `${restarted} is made anew`;
    this.start(name, service, container, { after: restarted === undefined ? [] : [`stop ${container}`], reason, id });
  }

  private create(name: string, service: ServiceModel, number: number): void {
    const container = this.nameOf(name, service, number);
    const id = `container ${container}`;
    this.steps.add(
      id,
      { kind: "create-container", service: name, number, container },
      this.needsOf(service),
      ["it is not there yet", this.scheduleOf(name) ?? []].flat().join("; "),
    );
    this.steps.notePresent(name, id);
    this.start(name, service, container, { after: [id], reason: "it is new" });
  }

  private recreate(
    name: string,
    service: ServiceModel,
    outdated: ObservedContainer[],
    reasons: ReadonlyMap<string, string>,
  ): void {
    const running = outdated.filter(({ id, state }) => state === "running" && !this.stopped.has(id));
    const losesNetwork = Object.keys(service.networks ?? {}).some((key) => this.networks.recreated.has(key));
    planReplacements(this.steps, {
      service: name,
      outdated,
      running,
      update: updateOrder(service, this.imageOf(name, service), running.length),
      isLive: this.wishes.starts && !losesNetwork && this.scheduleOf(name) === undefined,
      needs: [...this.needsOf(service), ...(this.wishes.starts ? this.startNeeds(name, service) : [])],
      nameOf: (number) => this.nameOf(name, service, number),
      stopsOf: (old) => [...(this.stopsFor.get(name) ?? []), ...(this.stopped.has(old.id) ? [`stop ${old.name}`] : [])],
      reasonFor: (old) => reasons.get(old.id)!,
      start: (container, after, tolerated) =>
        this.start(name, service, container, { after, reason: "it was made anew", tolerated }),
    });
  }

  private start(
    name: string,
    service: ServiceModel,
    container: string,
    { after, reason, id, tolerated = 0 }: { after: string[]; reason: string; id?: string; tolerated?: number },
  ): void {
    // The daemon starts it when its time comes.
    if (!this.wishes.starts || this.scheduleOf(name) !== undefined) return;
    const step = `start ${container}`;
    const needs = [...after, ...this.startNeeds(name, service)];
    const known = { ...(id && { id }), ...(tolerated > 0 && { tolerated }) };
    this.steps.add(step, { kind: "start-container", service: name, container, ...known }, needs, reason);
    this.steps.noteStarted(name, step);
  }

  /** The networks, volumes and containers that must be there before a container of the service can be made. */
  private needsOf(service: ServiceModel): string[] {
    const networks = Object.keys(service.networks ?? {}).flatMap((key) => this.networks.stepOf.get(key) ?? []);
    const volumes = (service.volumes ?? []).flatMap(({ source }) => this.volumes.stepOf.get(source ?? "") ?? []);
    const linked = (service.links ?? []).map((link) => link.split(":")[0]!);
    const referred = [...referredServices(service), ...linked].flatMap((each) => this.steps.presentBy(each));
    return [...new Set([...networks, ...volumes, ...referred])];
  }

  /** What must have happened to the services that a service depends on, before it starts. */
  private startNeeds(dependent: string, service: ServiceModel): string[] {
    return Object.entries(service.depends_on ?? {}).flatMap(([name, { condition, required }]) => {
      const dependency = this.project.services[name];
      const started = this.steps.startedBy(name);
      if (!dependency || this.countOf(name, dependency) === 0 || this.scheduleOf(name) !== undefined) return [];
      if (condition === "service_started") return started;
      const id = `wait ${name} ${condition}`;
      if (!this.steps.has(id)) {
        const action: StepAction = { kind: "wait", service: name, condition, isRequired: required, dependent };
        this.steps.add(id, action, started, `${dependent} depends on it (${condition})`);
      }
      return [id];
    });
  }

  /** Containers of services that want to restart with this one stop before it is made anew. */
  private stopDependents(name: string): void {
    if (!this.wishes.starts) return;
    for (const dependent of dependentsOf(this.project.services, name)) {
      if (!this.project.services[dependent]!.depends_on?.[name]?.restart) continue;
      for (const { id, name: container, state } of this.containersOf(dependent)) {
        if (state !== "running" || this.stopped.has(id)) continue;
        this.stopped.set(id, name);
        this.steps.add(
          `stop ${container}`,
          { kind: "stop-container", service: dependent, container, id },
          [],
          `${name} is made anew`,
        );
        this.stopsFor.set(name, [...(this.stopsFor.get(name) ?? []), `stop ${container}`]);
      }
    }
  }

  private imageOf(name: string, service: ServiceModel) {
    return this.observed.images.get(imageOf(this.project.name, name, service.image, this.wishes.separator));
  }
}
