/** Creating a container: check everything, then make layer, volumes and record; all or nothing. */
import { mkdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import type { LocalImage } from "../image/contract.ts";
import { NaruError } from "../lib/errors.ts";
import { machineArchitecture } from "../lib/machine-architecture.ts";
import { type PlatformWish, parsePlatform, platformText, runsNatively } from "../lib/platform.ts";
import type {
  ContainerConfig,
  ContainerCreateRequest,
  ContainerCreateResponse,
  HostConfig,
} from "../model/container.ts";
import type { EndpointSettings } from "../model/network.ts";
import { nowText } from "./clock.ts";
import { Container } from "./container.ts";
import { CONTAINER_RECORD_VERSION, type ContainerRecord } from "./container-record.ts";
import { CREATED } from "./container-state.ts";
import { hasEmulator } from "./emulation.ts";
import { containerDir, type EngineContext, publishContainerEvent } from "./engine-context.ts";
import { completeHostConfig } from "./host-config-defaults.ts";
import { normalizeLinks } from "./links.ts";
import { logPathFor } from "./log-driver.ts";
import { mergeImageConfig } from "./merge-image-config.ts";
import { collectMountWishes, realizeMounts } from "./mount-points.ts";
import { checkName, randomId, randomName } from "./names.ts";
import { validateConfig } from "./validate-config.ts";
import { validateHostConfig } from "./validate-host-config.ts";
import { checkMacAddress, endpointComplaints, endpointError, validateNetworkMode } from "./validate-network-mode.ts";
import { validateResources } from "./validate-resources.ts";

const MAC_WARNING =
  "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.";

const NEW_RECORD = {
  version: CONTAINER_RECORD_VERSION,
  state: CREATED,
  restartCount: 0,
  isManuallyStopped: false,
  hasBeenStarted: false,
  platform: "linux",
} as const;

/** @throws {NaruError} in Docker's kinds and words; nothing is left behind then. */
export async function createContainer(
  context: EngineContext,
  name: string | undefined,
  request: ContainerCreateRequest,
  options: { platform?: string; pod?: string } = {},
): Promise<ContainerCreateResponse> {
  // Most clients start at once what they have created.
  context.runtime.expectStart();
  const { config, host, networks, image, warnings } = await checkRequest(context, request, options);
  const id = randomId();
  config.Hostname ||= defaultHostname(id, host);
  const chosen = name ? checkName(name) : randomName((word) => context.containers.isNameTaken(word));

  await using undo = new AsyncDisposableStack();
  context.containers.reserveName(chosen, id);
  undo.defer(() => context.containers.releaseName(chosen));
  const { links, texts } = normalizeLinks(context, chosen, host);
  if (texts !== undefined) host.Links = texts;
  const wishes = await collectMountWishes(context, config, host);
  if (wishes.some(({ type }) => type === "image")) warnings.push("Image mount is an experimental feature");
  const directory = containerDir(context, id);
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  const logPath = logPathFor(host.LogConfig?.Type, directory, id);
  const [layer] = await Promise.all([
    context.images.createContainerLayer(id, image),
    mkdir(logPath === "" ? directory : dirname(logPath), { recursive: true, mode: 0o710 }),
  ]);
  undo.defer(() => context.images.removeContainerLayer(id));
  const mounts = await realizeMounts(context, id, wishes, layer, undo);

  const record: ContainerRecord = {
    ...NEW_RECORD,
    id,
    name: chosen,
    created: nowText(),
    imageId: image.id,
    ...(image.manifest === image.id ? {} : { imageManifest: image.manifest }),
    config,
    hostConfig: host,
    mounts,
    networks,
    links,
    logPath,
    ...(options.pod === undefined ? {} : { pod: options.pod }),
  };
  const container = new Container(record);
  undo.defer(() => context.containers.remove(container));
  await context.containers.add(container);
  undo.move();
  publishContainerEvent(context, container, "create");
  return { Id: id, Warnings: warnings };
}

/** What a request comes to before anything is made of it. @throws {NaruError} for what the engine, the machine or the policy does not take */
async function checkRequest(
  context: EngineContext,
  request: ContainerCreateRequest,
  options: { platform?: string; pod?: string },
) {
  const { HostConfig: givenHost, NetworkingConfig: networking, ...givenConfig } = request;
  const warnings: string[] = [];
  const host = await checkHost(context, givenHost ?? {}, givenConfig, warnings);
  const wishedNetworks = networking?.EndpointsConfig ?? {};
  const networks = options.pod === undefined ? checkNetworks(context, givenConfig, host, wishedNetworks, warnings) : {};
  const wished = options.platform ? parsePlatform(options.platform) : undefined;
  const image = context.images.getImage(givenConfig.Image ?? "", wished);
  context.policy.admitRun(givenConfig.Image ?? "", image);
  warnings.push(...(await foreignPlatformWarnings(image, wished)));
  const config = completeConfig(validateConfig(givenConfig), image);
  return { config, host, networks, image, warnings };
}

/** The first in Docker's words; the second tells what will come of it where no emulator is registered with the kernel. */
async function foreignPlatformWarnings({ config }: LocalImage, wished: PlatformWish | undefined): Promise<string[]> {
  if (runsNatively(config)) return [];
  const [own, foreign] = [`linux/${machineArchitecture()}`, platformText(config)];
  const warnings: string[] = [];
  if (wished === undefined) {
    warnings.push(
      `The requested image's platform (${foreign}) does not match the detected host platform (${own}) and no specific ` +
        "platform was requested",
    );
  }
  if (!(await hasEmulator(config.architecture))) {
    warnings.push(
      `this machine (${own}) has no emulator for ${foreign}: the image's programs will end with "exec format error" until ` +
        "one is registered (the package qemu-user-binfmt does that)",
    );
  }
  return warnings;
}

async function checkHost(
  context: EngineContext,
  given: HostConfig,
  config: ContainerConfig,
  warnings: string[],
): Promise<HostConfig> {
  validateHostConfig(given);
  const host = completeHostConfig(given, context.config, context.runtime.info);
  validateNetworkMode(config, host);
  warnings.push(
    ...(await validateResources(host, { isUpdate: false, hasBlockWeights: context.runtime.info.hasBlockWeights })),
  );
  if (host.NetworkMode === "host" && Object.keys(host.PortBindings ?? {}).length > 0) {
    warnings.push("Published ports are discarded when using host network mode");
  }
  // By id, so that a later rename of the other container does not matter.
  for (const field of ["IpcMode", "PidMode", "NetworkMode"] as const) {
    const [, ref] = /^container:(.*)$/.exec(host[field] ?? "") ?? [];
    if (ref === undefined) continue;
    const other = context.containers.find(ref);
    if (other !== undefined) host[field] = `container:${other.id}`;
    else if (field !== "NetworkMode") throw new NaruError("invalid", `No such container: ${ref}`);
  }
  return host;
}

/** The wished memberships by network name; only the mode's own network when none was named. */
function checkNetworks(
  context: EngineContext,
  config: ContainerConfig,
  host: HostConfig,
  given: Record<string, EndpointSettings | null>,
  warnings: string[],
): Record<string, EndpointSettings> {
  const mode = host.NetworkMode ?? "bridge";
  const networks: Record<string, EndpointSettings> = {};
  for (const [key, settings] of Object.entries(given)) networks[key === "default" ? "bridge" : key] = settings ?? {};
  if (Object.keys(networks).length === 0 && !mode.startsWith("container:")) networks[mode] = {};
  if (config.MacAddress) {
    warnings.push(MAC_WARNING);
    const own = networks[mode];
    if (own !== undefined) own.MacAddress ||= config.MacAddress;
    delete config.MacAddress;
  }
  for (const [given, settings] of Object.entries(networks)) {
    const known = context.networks.listNetworks().find(({ Name, Id }) => Name === given || Id === given);
    const name = known?.Name ?? given;
    if (name !== given) {
      delete networks[given];
      networks[name] = settings;
    }
    if (settings.MacAddress) settings.MacAddress = checkMacAddress(name, settings.MacAddress);
    const wishes = context.networks.addressComplaints(name, settings);
    const complaints = [...endpointComplaints(name, settings, known), ...wishes];
    if (complaints.length > 0) {
      throw new NaruError("invalid", `invalid config for network ${name}: ${endpointError(complaints)}`);
    }
  }
  return networks;
}

function completeConfig(given: ContainerConfig, image: LocalImage): ContainerConfig {
  const merged = mergeImageConfig(given, image.config.config);
  const words = [...(merged.Entrypoint ?? []), ...(merged.Cmd ?? [])];
  if (words.length === 0 || (words.length === 1 && words[0] === "")) {
    throw new NaruError("invalid", "no command specified");
  }
  if (merged.Entrypoint?.length === 1 && merged.Entrypoint[0] === "") merged.Entrypoint = null;
  return orderedConfig(merged);
}

/** Docker's field order; optional fields only where they say something. */
function orderedConfig(config: ContainerConfig): ContainerConfig {
  const ordered: ContainerConfig = {
    Hostname: config.Hostname ?? "",
    Domainname: config.Domainname ?? "",
    User: config.User ?? "",
    AttachStdin: config.AttachStdin ?? false,
    AttachStdout: config.AttachStdout ?? false,
    AttachStderr: config.AttachStderr ?? false,
  };
  if (Object.keys(config.ExposedPorts ?? {}).length > 0) ordered.ExposedPorts = config.ExposedPorts;
  ordered.Tty = config.Tty ?? false;
  ordered.OpenStdin = config.OpenStdin ?? false;
  ordered.StdinOnce = config.StdinOnce ?? false;
  ordered.Env = config.Env ?? null;
  ordered.Cmd = config.Cmd?.length ? config.Cmd : (config.Cmd ?? null);
  if (config.Healthcheck) ordered.Healthcheck = config.Healthcheck;
  if (config.ArgsEscaped) ordered.ArgsEscaped = true;
  ordered.Image = config.Image ?? "";
  ordered.Volumes = Object.keys(config.Volumes ?? {}).length > 0 ? config.Volumes : null;
  ordered.WorkingDir = config.WorkingDir ?? "";
  ordered.Entrypoint = config.Entrypoint ?? null;
  if (config.NetworkDisabled) ordered.NetworkDisabled = true;
  ordered.OnBuild = config.OnBuild ?? null;
  ordered.Labels = config.Labels ?? {};
  if (config.StopSignal) ordered.StopSignal = config.StopSignal;
  if (typeof config.StopTimeout === "number") ordered.StopTimeout = config.StopTimeout;
  if (config.Shell?.length) ordered.Shell = config.Shell;
  return ordered;
}

function defaultHostname(id: string, host: HostConfig): string {
  if (host.NetworkMode === "host") return hostname();
  return id.slice(0, 12);
}
