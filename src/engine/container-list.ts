/** The list of containers (`ps`), newest first. */
import { humanDuration } from "../lib/human-duration.ts";
import type { ContainerSummary, PortMap, PortSummary } from "../model/container.ts";
import type { EndpointSettings } from "../model/network.ts";
import type { Filters } from "../model/system.ts";
import { nowNs, parseRfc3339, unixSeconds } from "./clock.ts";
import type { Container } from "./container.ts";
import { containerFilter } from "./container-filters.ts";
import { type ContainerSizes, containerSizes, mountPoints, reportNetworks, reportPorts } from "./container-inspect.ts";
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

export function summarizeAll(
  context: EngineContext,
  containers: readonly Container[],
  size: boolean,
): Promise<ContainerSummary[]> {
  const linked = linkedNames(context);
  const imageName = imageNames(context);
  return Promise.all(
    containers.map(async (container) => {
      const sizes = size ? await containerSizes(context, container) : undefined;
      return summarize(context, container, imageName(container), linked.get(container.id) ?? [], sizes);
    }),
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
  const sandbox = context.networks.findSandbox(record.id);
  const { NetworkMode = "", Annotations } = record.hostConfig;
  return {
    Id: record.id,
    Names: [...linked, `/${record.name}`],
    Image: imageName,
    ImageID: record.imageId,
    Command: commandText([...(record.config.Entrypoint ?? []), ...(record.config.Cmd ?? [])]),
    Created: unixSeconds(record.created),
    Ports: portSummaries(reportPorts(context, container, sandbox)),
    ...(sizes === undefined ? {} : reportSizes(sizes)),
    Labels: record.config.Labels ?? {},
    State: record.state.status,
    Status: statusText(container),
    HostConfig: Annotations ? { NetworkMode, Annotations } : { NetworkMode },
    NetworkSettings: { Networks: listedNetworks(reportNetworks(context, container, sandbox)) },
    Mounts: mountPoints(context, container),
  };
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

function since(time: string): string {
  const then = parseRfc3339(time);
  return then === undefined ? "Less than a second" : humanDuration(Number((nowNs() - then) / 1_000_000n));
}
