import { isAbsolute, join, resolve } from "node:path";
import { isTree, type Tree } from "../../../compose/document.ts";
import { encodeShape } from "../../../compose/encode.ts";
import { LABELS } from "../../../compose/labels.ts";
import type { ComposeProject } from "../../../compose/load-project.ts";
import { jsonText } from "../../../compose/render.ts";
import { imageOf, type Separator } from "../../../compose/service-containers/container-name.ts";
import { COMPOSE_VERSION } from "../../../compose/version.ts";
import { CliError } from "../../cli-error.ts";
import { serviceOf, servicesOf } from "../project-services.ts";

/** The build section of a service in its long form; `context` is absolute or an address. */
interface ServiceBuild {
  context: string;
  dockerfile?: string;
  dockerfile_inline?: string;
  entitlements?: string[];
  /** null takes the value from the environment. */
  args?: Record<string, string | null>;
  provenance?: string;
  sbom?: string;
  /** `default`, or `id=path`. */
  ssh?: string[];
  labels?: Record<string, string>;
  cache_from?: string[];
  cache_to?: string[];
  no_cache?: boolean;
  additional_contexts?: Record<string, string>;
  pull?: boolean;
  extra_hosts?: string[];
  isolation?: string;
  network?: string;
  target?: string;
  secrets?: { source: string; target?: string }[];
  /** Bytes. */
  shm_size?: string;
  tags?: string[];
  ulimits?: Record<string, number | { soft?: number; hard?: number }>;
  platforms?: string[];
  privileged?: boolean;
}

/** A secret of a build: a file of the user's, or a text. */
type BuildSecret = { id: string; file: string } | { id: string; variable: string; text: string };

/** How a service's image is built. */
export interface ServiceToBuild {
  name: string;
  /** What its containers are made from. */
  image: string;
  build: ServiceBuild;
  secrets: BuildSecret[];
  /** Services whose images it builds on (`additional_contexts: {base: "service:base"}`). */
  needs: string[];
}

/** The image that a service's containers are made from. */
export function imageOfService(project: ComposeProject, name: string, separator: Separator = "-"): string {
  const { image } = serviceOf(project, name);
  return imageOf(project.name, name, typeof image === "string" ? image : undefined, separator);
}

/** How `name` is built, or undefined where it has no build section. Throws CliError. */
function serviceToBuild(project: ComposeProject, name: string, separator: Separator): ServiceToBuild | undefined {
  const service = serviceOf(project, name);
  if (!isTree(service.build)) return undefined;
  const encoded = encodeShape(service.build, "build", `services.${name}.build`, "yaml");
  const build = JSON.parse(jsonText(encoded, undefined)) as ServiceBuild;
  build.ssh = build.ssh?.map((key) => key.replace(": ", "="));
  build.platforms = platformsOf(name, build, service);
  build.labels = {
    ...build.labels,
    [LABELS.project]: project.name,
    [LABELS.service]: name,
    [LABELS.version]: COMPOSE_VERSION,
  };
  const needs = Object.values(build.additional_contexts ?? {}).flatMap((context) => serviceInContext(context) ?? []);
  const secrets = (build.secrets ?? []).map(({ source, target }) => secretOf(project, source, target || source));
  return { name, image: imageOfService(project, name, separator), build, secrets, needs };
}

/** `service:base` → `base` */
export function serviceInContext(context: string): string | undefined {
  return context.startsWith("service:") ? context.slice("service:".length) : undefined;
}

/** The platforms of the section, else that of the service, else DOCKER_DEFAULT_PLATFORM. */
function platformsOf(name: string, { platforms = [] }: ServiceBuild, service: Tree): string[] {
  const own = typeof service.platform === "string" ? service.platform : "";
  const wished = own || process.env.DOCKER_DEFAULT_PLATFORM || "";
  if (wished === "") return platforms;
  if (platforms.length > 0 && !platforms.includes(wished)) {
    const origin = own === "" ? "DOCKER_DEFAULT_PLATFORM" : "platform";
    throw new CliError(
      `service ${JSON.stringify(name)} build.platforms does not support value set by ${origin}: ${wished}`,
    );
  }
  return [wished];
}

function secretOf(project: ComposeProject, source: string, id: string): BuildSecret {
  const all = isTree(project.tree.secrets) ? project.tree.secrets : {};
  const secret = all[source];
  if (!isTree(secret)) throw new CliError(`build: undefined secret ${JSON.stringify(source)}`);
  if (typeof secret.file === "string") return { id, file: secret.file };
  if (typeof secret.environment === "string") {
    const text = project.variables.get(secret.environment) ?? "";
    return { id, variable: secret.environment, text };
  }
  throw new CliError(`build: secret ${JSON.stringify(source)} has neither file nor environment: give one of them`);
}

const ADDRESS = /^([a-z-]+:\/\/|git@|github\.com\/)/;

/** True for a directory of the user's; false for an address that the daemon fetches. */
export const isDirectory = (context: string) => !ADDRESS.test(context);

/** Where the Dockerfile is: absolute beside a directory, as written in an address, "" for one written inline. */
export function dockerfileOf({ context, dockerfile, dockerfile_inline }: ServiceBuild): string {
  if (dockerfile_inline !== undefined) return "";
  const file = dockerfile ?? "Dockerfile";
  if (!isDirectory(context) || isAbsolute(file)) return file;
  return join(resolve(context), file);
}

/**
 * The services of the project that have a build section: all, or those named, with the services whose images they build on
 * and, where asked for, those that they depend on. Throws CliError.
 */
export function servicesToBuild(
  project: ComposeProject,
  named: readonly string[],
  withDependencies: boolean,
  separator: Separator = "-",
): Map<string, ServiceToBuild> {
  const chosen = new Map<string, ServiceToBuild>();
  const add = (name: string): void => {
    if (chosen.has(name)) return;
    const found = serviceToBuild(project, name, separator);
    if (!found) return;
    chosen.set(name, found);
    for (const needed of found.needs) add(needed);
  };
  const all = Object.keys(servicesOf(project));
  for (const name of named.length === 0 || withDependencies ? all : named) add(name);
  return chosen;
}
