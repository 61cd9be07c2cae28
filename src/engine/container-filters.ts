/** Which containers a list shows. */
import { isKind, NaruError } from "../lib/errors.ts";
import type { ContainerStatus } from "../model/container.ts";
import type { Filters } from "../model/system.ts";
import type { Container } from "./container.ts";
import { reportNetworks, reportPorts } from "./container-inspect.ts";
import type { EngineContext } from "./engine-context.ts";
import { booleanFilter, hasLabels, matchesPattern, requireKnownFilters } from "./filter-values.ts";

const ACCEPTED =
  "ancestor before exited expose health id is-task isolation label name network publish since status volume".split(" ");
const STATUSES: readonly ContainerStatus[] = [
  "created",
  "running",
  "paused",
  "restarting",
  "removing",
  "exited",
  "dead",
];
const HEALTH = ["none", "starting", "healthy", "unhealthy"];

type Test = (container: Container) => boolean;

/** @throws {NaruError} with Docker's words for filters and values that do not exist */
export function containerFilter(context: EngineContext, filters: Filters): Test {
  requireKnownFilters(filters, ACCEPTED);
  const tests = [...filters]
    .filter(([, values]) => values.length > 0)
    .map(([name, values]) => testFor(context, name, values, filters));
  return (container) => tests.every((test) => test(container));
}

function testFor(context: EngineContext, name: string, values: string[], filters: Filters): Test {
  switch (name) {
    case "id":
      return ({ id }) => values.some((value) => id.startsWith(value)) || matchesPattern(values, [id]);
    case "name":
      return ({ record }) => matchesPattern(values, [`/${record.name}`, record.name]);
    case "label":
      return ({ record }) => hasLabels(record.config.Labels, values);
    case "status":
      return statusTest(values);
    case "health":
      return healthTest(values);
    case "exited":
      return exitedTest(values);
    case "before":
    case "since":
      return neighbourTest(context, name, values);
    case "ancestor":
      return ancestorTest(context, values);
    case "network":
      return networkTest(context, values);
    case "volume":
      return ({ record }) =>
        record.mounts.some(
          ({ name: volume, destination }) => values.includes(volume ?? "") || values.includes(destination),
        );
    case "publish":
    case "expose":
      return portTest(context, name, values);
    case "is-task": {
      // No container of this engine belongs to a swarm service.
      const isTask = booleanFilter(filters, name);
      return () => isTask === false;
    }
    default:
      return () => true;
  }
}

function statusTest(values: string[]): Test {
  for (const value of values) {
    if (!(STATUSES as readonly string[]).includes(value)) {
      throw new NaruError(
        "invalid",
        `invalid filter 'status=${value}': invalid value for state (${value}): must be one of ${STATUSES.join(", ")}`,
      );
    }
  }
  return ({ record }) => values.includes(record.state.status);
}

function healthTest(values: string[]): Test {
  for (const value of values) {
    if (!HEALTH.includes(value)) {
      throw new NaruError(
        "invalid",
        `invalid filter 'health=${value}': invalid value for health (${value}): must be one of ${HEALTH.join(", ")}`,
      );
    }
  }
  return ({ health }) => values.includes(health?.Status ?? "none");
}

function exitedTest(values: string[]): Test {
  const codes = values.map((value) => {
    if (!/^[+-]?\d+$/.test(value)) {
      throw new NaruError(
        "invalid",
        `invalid filter 'exited=${value}': strconv.Atoi: parsing "${value}": invalid syntax`,
      );
    }
    return Number(value);
  });
  return (container) =>
    !container.isRunning && container.record.hasBeenStarted && codes.includes(container.record.state.exitCode);
}

function neighbourTest(context: EngineContext, name: "before" | "since", values: string[]): Test {
  const bounds = values.map((value) => context.containers.get(value).record);
  return ({ record }) =>
    bounds.every((bound) =>
      bound.id === record.id
        ? false
        : name === "before"
          ? record.created < bound.created
          : record.created > bound.created,
    );
}

/** Containers of an image or of one built on it: its layers are the first of the container's image. */
function ancestorTest(context: EngineContext, values: string[]): Test {
  const images = values.flatMap((value) => {
    try {
      return [context.images.getImage(value)];
    } catch (error) {
      if (isKind(error, "not-found") || isKind(error, "invalid")) return [];
      throw error;
    }
  });
  return ({ record }) =>
    images.some((ancestor) => {
      if (ancestor.id === record.imageId) return true;
      const own = context.images.findImage(record.imageId)?.chainIds;
      return own !== undefined && ancestor.chainIds.length > 0 && own.includes(ancestor.chainIds.at(-1)!);
    });
}

function networkTest(context: EngineContext, values: string[]): Test {
  return (container) =>
    Object.entries(reportNetworks(context, container)).some(([name, { NetworkID }]) =>
      values.some((value) => value === name || value === NetworkID || (NetworkID ?? "").startsWith(value)),
    );
}

function portTest(context: EngineContext, name: "publish" | "expose", values: string[]): Test {
  const wanted = values.flatMap((value) => parsePortFilter(name, value));
  return (container) => {
    const ports = reportPorts(context, container);
    const present =
      name === "publish"
        ? Object.entries(ports).flatMap(([port, targets]) =>
            (targets ?? []).map(({ HostPort }) => `${HostPort}/${port.split("/")[1]}`),
          )
        : [...Object.keys(ports), ...Object.keys(container.record.config.ExposedPorts ?? {})];
    return wanted.some((port) => present.includes(port));
  };
}

function parsePortFilter(name: string, value: string): string[] {
  const [range = "", protocol = "tcp"] = value.split("/");
  const [first = "", last = first] = range.split("-");
  for (const text of [first, last]) {
    if (!/^\d{1,5}$/.test(text)) {
      throw new NaruError(
        "internal",
        `error while looking up for ${name} ${value}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
      );
    }
  }
  const ports: string[] = [];
  for (let port = Number(first); port <= Math.min(Number(last), 65535); port++) ports.push(`${port}/${protocol}`);
  return ports;
}
