/** A project as nodes and edges: what `graph` draws. */
import { relative } from "node:path";
import { AUTOSCALE_KEY, autoscaleOf } from "../automation/autoscale.ts";
import { scheduleOf } from "../automation/schedule.ts";
import { isTree, type Tree } from "../document.ts";
import type { ComposeProject } from "../load-project.ts";
import { type MountModel, type PortModel, projectModel, type ServiceModel } from "../service-model.ts";

export interface GraphNode {
  id: string;
  kind: "port" | "service" | "volume" | "directory" | "secret" | "config";
  /** The first line is its name. */
  lines: string[];
  /** Keys of a service's networks. */
  networks: string[];
}
export interface GraphEdge {
  from: string;
  to: string;
  kind: "port" | "dependency" | "mount";
  /** What a dependency waits for. */
  waitsFor?: "healthy" | "completed";
  /** It goes on without, or the mount is read-only. */
  isWeak: boolean;
}
interface GraphNetwork {
  key: string;
  /** `front`, `backend (internal)`. */
  label: string;
}
export interface ProjectGraph {
  title: string;
  nodes: GraphNode[];
  edges: GraphEdge[];
  networks: GraphNetwork[];
}

/** @throws {NaruError} invalid for values that have no sense */
export function projectGraph(project: ComposeProject): ProjectGraph {
  const model = projectModel(project);
  const services = isTree(project.tree.services) ? project.tree.services : {};
  const graph = new GraphMaker(project.folder);
  for (const [name, service] of Object.entries(model.services)) {
    const tree = services[name];
    graph.addService(name, service, isTree(tree) ? tree : {});
  }
  const networks = Object.entries(model.networks).map(([key, network]) => {
    const traits = [network.external && "external", network.internal && "internal"].filter(Boolean);
    if (network.driver && network.driver !== "bridge") traits.unshift(network.driver);
    return { key, label: traits.length > 0 ? `${key} (${traits.join(", ")})` : key };
  });
  return { title: model.name, nodes: graph.nodes, edges: graph.edges, networks };
}

class GraphMaker {
  readonly nodes: GraphNode[] = [];
  readonly edges: GraphEdge[] = [];

  constructor(private readonly folder: string) {}

  addService(name: string, service: ServiceModel, tree: Tree): void {
    const id = `service ${name}`;
    this.nodes.push({ id, kind: "service", lines: serviceLines(name, service, tree), networks: networksOf(service) });
    for (const port of service.ports ?? []) this.#addPort(id, port);
    for (const [dependency, { condition, required }] of Object.entries(service.depends_on ?? {})) {
      const waitsFor = {
        service_started: undefined,
        service_healthy: "healthy",
        service_completed_successfully: "completed",
      };
      const to = `service ${dependency}`;
      const how = waitsFor[condition] as GraphEdge["waitsFor"];
      this.edges.push({ from: id, to, kind: "dependency", waitsFor: how, isWeak: !required });
    }
    for (const mount of service.volumes ?? []) this.#addMount(id, mount);
    for (const { source } of service.secrets ?? []) this.#addUse(id, "secret", source, true);
    for (const { source } of service.configs ?? []) this.#addUse(id, "config", source, true);
  }

  #addPort(service: string, { host_ip, published, target, protocol = "tcp" }: PortModel): void {
    const host = host_ip && host_ip !== "0.0.0.0" ? host_ip : "";
    const words = `${host}:${published || "any"}${protocol === "tcp" ? "" : `/${protocol}`}`;
    const id = `port ${words}`;
    const arrow = published === String(target) ? words : `${words} ▸ ${target}`;
    this.#addNode({ id, kind: "port", lines: [arrow], networks: [] });
    this.edges.push({ from: id, to: service, kind: "port", isWeak: false });
  }

  #addMount(service: string, { type, source, read_only = false }: MountModel): void {
    if (type === "volume" && source) this.#addUse(service, "volume", source, read_only);
    if (type !== "bind" || source === undefined) return;
    const path = relative(this.folder, source);
    this.#addUse(service, "directory", path.startsWith("../..") ? source : `./${path}`, read_only);
  }

  #addUse(service: string, kind: GraphNode["kind"], name: string, isWeak: boolean): void {
    const id = `${kind} ${name}`;
    this.#addNode({ id, kind, lines: [name], networks: [] });
    if (this.edges.some(({ from, to }) => from === service && to === id)) return;
    this.edges.push({ from: service, to: id, kind: "mount", isWeak });
  }

  #addNode(node: GraphNode): void {
    if (!this.nodes.some(({ id }) => id === node.id)) this.nodes.push(node);
  }
}

function serviceLines(name: string, service: ServiceModel, tree: Tree): string[] {
  const autoscale = tree[AUTOSCALE_KEY] === undefined ? undefined : autoscaleOf(name, tree);
  const replicas = service.scale ?? service.deploy?.replicas ?? 1;
  const count = autoscale ? ` ×${autoscale.min}–${autoscale.max}` : replicas === 1 ? "" : ` ×${replicas}`;
  const lines = [`${name}${count}`, originOf(service)];
  const schedule = scheduleOf(name, tree);
  if (schedule) lines.push(`at ${schedule.cron.join(", ")}${schedule.zone === "UTC" ? "" : ` ${schedule.zone}`}`);
  if (service.network_mode) lines.push(`network ${service.network_mode}`);
  return lines;
}

function originOf({ image, build, provider }: ServiceModel): string {
  if (image) return image;
  if (build) return "built here";
  return provider ? `provider ${provider.type}` : "";
}

function networksOf({ networks, network_mode }: ServiceModel): string[] {
  return network_mode ? [] : Object.keys(networks ?? {});
}
