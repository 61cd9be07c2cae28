/** The list of containers (`ps`), newest first. */
import { humanDuration } from "../lib/human-duration.ts";
import type { ContainerSummary, PortMap, PortSummary } from "../model/container.ts";
import type { EndpointSettings } from "../model/network.ts";
import type { Filters } from "../model/system.ts";
import type { SandboxState } from "../network/contract.ts";
import { nowNs, unixSeconds } from "./clock.ts";
import type { Container } from "./container.ts";
import { containerFilter } from "./container-filters.ts";
import { type ContainerSizes, containerSizes, mountPoints, reportNetworks, reportPorts } from "./container-inspect.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { EngineContext } from "./engine-context.ts";
import { linkedNames } from "./links.ts";

export async function listContainers(
  context: EngineContext,
  options: { all: boolean; limit: number; size: boolean; filters: Filters },
): Promise<ContainerSummary[]> {
  const passes = containerFilter(context, options.filters);
  // A status may be one of containers that do not run; a limit counts all.
  const isAll = options.all || options.limit > 0 || options.filters.get("status")?.length;
  const chosen = context.containers
    .list()
    .filter((container) => (isAll || container.isRunning) && passes(container))
    .sort((a, b) => (a.record.created < b.record.created ? 1 : -1));
  const shown = options.limit > 0 ? chosen.slice(0, options.limit) : chosen;
  return summarizeAll(context, shown, options.size);
}

export async function summarizeAll(
  context: EngineContext,
  containers: readonly Container[],
  size: boolean,
): Promise<ContainerSummary[]> {
  const sizes = size ? await Promise.all(containers.map((container) => containerSizes(context, container))) : [];
  const linked = linkedNames(context);
  const imageName = imageNames(context);
  return containers.map((container, index) =>
    summarize(context, container, imageName(container), linked.get(container.id) ?? [], sizes[index]),
  );
}

function summarize(
  context: EngineContext,
  container: Container,
  imageName: string,
  linked: readonly string[],
  sizes: ContainerSizes | undefined,
): ContainerSummary {
  const { record } = container;
  const { command, created, ports, ...lasting } = lastingParts(context, container);
  return {
    Id: record.id,
    Names: [...linked, `/${record.name}`],
    Image: imageName,
    ImageID: record.imageId,
    Command: command,
    Created: created,
    Ports: ports,
    ...(sizes === undefined ? {} : reportSizes(sizes)),
    Labels: record.config.Labels ?? {},
    State: record.state.status,
    Status: statusText(container),
    ...lasting,
  };
}

/** What a list tells of a container until something about it changes. */
interface LastingParts extends Pick<ContainerSummary, "HostConfig" | "NetworkSettings" | "Mounts"> {
  command: string;
  created: number;
  ports: PortSummary[];
}
interface Remembered {
  sandbox: SandboxState | undefined;
  parts: LastingParts;
}
/** Records and sandboxes are replaced when they change, so what was made of them lasts as long as they do. */
const remembered = new WeakMap<ContainerRecord, Remembered>();

function lastingParts(context: EngineContext, container: Container): LastingParts {
  const { record } = container;
  const sandbox = context.networks.findSandbox(record.id);
  const known = remembered.get(record);
  if (known !== undefined && known.sandbox === sandbox) return known.parts;
  const { NetworkMode = "", Annotations } = record.hostConfig;
  const parts: LastingParts = {
    command: commandText([...(record.config.Entrypoint ?? []), ...(record.config.Cmd ?? [])]),
    created: unixSeconds(record.created),
    ports: portSummaries(reportPorts(context, container, sandbox)),
    HostConfig: Annotations ? { NetworkMode, Annotations } : { NetworkMode },
    NetworkSettings: { Networks: listedNetworks(reportNetworks(context, container, sandbox)) },
    Mounts: mountPoints(context, container),
  };
  remembered.set(record, { sandbox, parts });
  return parts;
}

/** Lists show no names, unlike inspect. */
function listedNetworks(networks: Record<string, EndpointSettings>): Record<string, EndpointSettings> {
  for (const settings of Object.values(networks)) settings.DNSNames = null;
  return networks;
}

/** Zero is left out, as Docker does. */
function reportSizes({ SizeRw, SizeRootFs }: ContainerSizes) {
  return { ...(SizeRw > 0 ? { SizeRw } : {}), SizeRootFs };
}

/** The name that was used, unless it stands for another image by now: then the id. Each name is looked up once. */
function imageNames(context: EngineContext): (container: Container) => string {
  const ids = new Map<string, string | undefined>();
  return ({ record }) => {
    const name = record.config.Image ?? "";
    if (name === "") return "";
    if (!ids.has(name)) ids.set(name, context.images.findImage(name)?.id);
    return ids.get(name) === record.imageId ? name : record.imageId;
  };
}

/** Words with blanks or quotes in single quotes. */
function commandText([first = "", ...rest]: string[]): string {
  return [first, ...rest.map((word) => (/\s/.test(word) || word === "" ? `'${word}'` : word))].join(" ").trimEnd();
}

function portSummaries(ports: PortMap): PortSummary[] {
  return Object.entries(ports).flatMap(([port, targets]): PortSummary[] => {
    const [number, Type = "tcp"] = port.split("/");
    const PrivatePort = Number(number);
    if (targets === null || targets.length === 0) return [{ PrivatePort, Type }];
    return targets.map(({ HostIp, HostPort }) => ({
      IP: HostIp,
      PrivatePort,
      PublicPort: Number(HostPort),
      Type,
    }));
  });
}

/** "Up 5 minutes (healthy)", "Exited (0) 2 hours ago", … */
export function statusText({ record, health }: Container): string {
  const { status, exitCode, startedAt, finishedAt } = record.state;
  switch (status) {
    case "running": {
      const word =
        health === undefined ? "" : health.Status === "starting" ? " (health: starting)" : ` (${health.Status})`;
      return `Up ${since(startedAt)}${word}`;
    }
    case "paused":
      return `Up ${since(startedAt)} (Paused)`;
    case "restarting":
      return `Restarting (${exitCode}) ${since(finishedAt)} ago`;
    case "exited":
      return record.hasBeenStarted ? `Exited (${exitCode}) ${since(finishedAt)} ago` : "Created";
    case "removing":
      return "Removal In Progress";
    case "dead":
      return "Dead";
    default:
      return "Created";
  }
}

/** Whole milliseconds will do, which Date reads faster. */
function since(time: string): string {
  const then = Date.parse(time);
  return Number.isNaN(then) ? "Less than a second" : humanDuration(Number(nowNs() / 1_000_000n) - then);
}
