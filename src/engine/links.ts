/** --link on the default bridge: names, reports and the environment variables of old. */
import { NaruError } from "../lib/errors.ts";
import type { HostConfig } from "../model/container.ts";
import type { Container } from "./container.ts";
import type { EngineContext } from "./engine-context.ts";
import { isPredefinedNetwork } from "./validate-network-mode.ts";

interface Link {
  containerId: string;
  alias: string;
}

/** "name:alias" or "name". @throws {NaruError} internal, as Docker does */
function parseLink(text: string): { ref: string; alias: string } {
  const parts = text.split(":");
  if (text === "") throw new NaruError("internal", "empty string specified for links");
  if (parts.length > 2) throw new NaruError("internal", `bad format for links: ${text}`);
  const ref = parts[0]!;
  const alias = parts[1] ?? ref.replace(/^\//, "");
  // "/other:/mine/alias" is how inspect reports a link; clients send it back.
  return { ref, alias: alias.slice(alias.lastIndexOf("/") + 1) };
}

/** Resolves the links of a container on the default bridge; on user-defined networks the names stay as they are. */
export function normalizeLinks(
  context: EngineContext,
  ownName: string,
  host: HostConfig,
): { links: Link[]; texts: string[] | undefined } {
  const given = host.Links ?? [];
  const links = given.map((text) => {
    const { ref, alias } = parseLink(text);
    const other = context.containers.find(ref);
    if (other === undefined) {
      throw new NaruError("invalid", `could not get container for ${ref}: No such container: ${ref}`);
    }
    return { containerId: other.id, alias };
  });
  if (given.length === 0) return { links: [], texts: undefined };
  if (!isPredefinedNetwork(host.NetworkMode ?? "bridge")) return { links, texts: undefined };
  return { links, texts: linkTexts(context, ownName, links) };
}

/** As inspect shows links: "/other:/mine/alias". */
export function linkTexts(context: EngineContext, ownName: string, links: readonly Link[]): string[] {
  return links.flatMap(({ containerId, alias }) => {
    const other = context.containers.find(containerId);
    return other === undefined ? [] : [`/${other.name}:/${ownName}/${alias}`];
  });
}

/** Names that containers gave others by linking to them, by the id of the other: "/neighbour/alias". */
export function linkedNames(context: EngineContext): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  for (const { record } of context.containers.list()) {
    for (const { containerId, alias } of record.links) {
      const known = names.get(containerId) ?? [];
      names.set(containerId, [...known, `/${record.name}/${alias}`]);
    }
  }
  return names;
}

/** The running containers behind the links. @throws {NaruError} internal `Cannot link to a non running container …` and the like */
export function resolveLinks(context: EngineContext, container: Container): { container: Container; alias: string }[] {
  return container.record.links.map(({ containerId, alias }) => {
    const other = context.containers.find(containerId);
    if (other === undefined || !other.hasProcess) {
      const name = other === undefined ? containerId : `/${other.name}`;
      throw new NaruError("internal", `Cannot link to a non running container: ${name} AS /${container.name}/${alias}`);
    }
    if (!isOnDefaultBridge(context, other)) {
      throw new NaruError("internal", `container ${other.id} not attached to default bridge network`);
    }
    return { container: other, alias };
  });
}

function isOnDefaultBridge(context: EngineContext, { id }: Container): boolean {
  return Object.hasOwn(context.networks.findSandbox(id)?.endpoints ?? {}, "bridge");
}

/** What the links add to the environment of a container that is started. @throws {NaruError} as resolveLinks() */
export function linkVariables(context: EngineContext, container: Container): string[] {
  return hasLinks(container) ? variablesOf(context, container, resolveLinks(context, container)) : [];
}

/** The same for a process that joins it later: of the others that still run. */
export function linkVariablesNow(context: EngineContext, container: Container): string[] {
  if (!hasLinks(container)) return [];
  const links = container.record.links.flatMap(({ containerId, alias }) => {
    const other = context.containers.find(containerId);
    return other?.hasProcess && isOnDefaultBridge(context, other) ? [{ container: other, alias }] : [];
  });
  return variablesOf(context, container, links);
}

function hasLinks({ record }: Container): boolean {
  return record.links.length > 0 && isPredefinedNetwork(record.hostConfig.NetworkMode ?? "bridge");
}

function variablesOf(context: EngineContext, own: Container, links: ReturnType<typeof resolveLinks>): string[] {
  return links.flatMap(({ container, alias }) => linkEnvironment(context, own, container, alias));
}

/** ALIAS_NAME, ALIAS_PORT…, ALIAS_ENV_… as the legacy links define them. */
function linkEnvironment(context: EngineContext, own: Container, other: Container, alias: string): string[] {
  const prefix = alias.toUpperCase().replaceAll("-", "_");
  const { bridge, ...others } = context.networks.findSandbox(other.id)?.endpoints ?? {};
  const address = (bridge ?? Object.values(others)[0])?.IPAddress ?? "";
  const env = [`${prefix}_NAME=/${own.name}/${alias}`];
  const ports = Object.keys(other.record.config.ExposedPorts ?? {})
    .map((text) => text.split("/"))
    .map(([port, protocol = "tcp"]) => ({ port: port!, protocol }))
    .filter(({ port }) => /^\d+$/.test(port))
    .sort((a, b) => Number(b.protocol === "tcp") - Number(a.protocol === "tcp") || Number(a.port) - Number(b.port));
  const [first] = ports;
  if (first !== undefined) env.push(`${prefix}_PORT=${first.protocol}://${address}:${first.port}`);
  const isExposed = (number: number, protocol: string) =>
    ports.some((port) => Number(port.port) === number && port.protocol === protocol);
  for (const { port, protocol } of ports) {
    const name = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
    let last = Number(port);
    while (isExposed(last + 1, protocol)) last += 1;
    // The first of ports in a row also tells where they end.
    if (last > Number(port) && !isExposed(Number(port) - 1, protocol)) {
      env.push(
        `${name}_START=${protocol}://${address}:${port}`,
        `${name}_PORT_START=${port}`,
        `${name}_END=${protocol}://${address}:${last}`,
        `${name}_PORT_END=${last}`,
      );
    }
    env.push(
      `${name}=${protocol}://${address}:${port}`,
      `${name}_ADDR=${address}`,
      `${name}_PORT=${port}`,
      `${name}_PROTO=${protocol}`,
    );
  }
  for (const variable of other.record.config.Env ?? []) {
    // HOME and PATH of the other container would only mislead.
    if (!/^(HOME|PATH)=/.test(variable)) env.push(`${prefix}_ENV_${variable}`);
  }
  return env;
}
