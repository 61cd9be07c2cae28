import { type BuildFlags, buildFlags } from "../../build/build-flags.ts";
import { CliError } from "../../cli-error.ts";
import { dockerfileOf, isDirectory, type ServiceToBuild, serviceInContext } from "./service-build.ts";

/** What the command line adds to every service's build section. */
export interface BuildWishes {
  buildArgs?: readonly string[];
  builder?: string;
  noCache?: boolean;
  pull?: boolean;
  push?: boolean;
  provenance?: string;
  sbom?: string;
  ssh?: string;
  /** Bytes. */
  memory?: number;
}

/** The flags with which `build` would make the service's image. `imageOf` tells the image of another service. */
export function buildFlagsOf(
  { build, image, secrets, name }: ServiceToBuild,
  wishes: BuildWishes,
  imageOf: (service: string) => string,
): BuildFlags {
  const isPushed = wishes.push === true;
  return {
    ...emptyFlags(),
    "add-host": build.extra_hosts ?? [],
    allow: [...(build.entitlements ?? []), ...(build.privileged ? ["security.insecure"] : [])],
    "build-arg": [
      ...Object.entries(build.args ?? {}).map(([key, value]) => (value === null ? key : `${key}=${value}`)),
      ...(wishes.buildArgs ?? []),
    ],
    "build-context": Object.entries(build.additional_contexts ?? {}).map(([key, context]) => {
      const service = serviceInContext(context);
      return `${key}=${service === undefined ? context : `docker-image://${imageOf(service)}`}`;
    }),
    builder: wishes.builder ?? "",
    "cache-from": build.cache_from ?? [],
    "cache-to": build.cache_to ?? [],
    file: dockerfileOf(build),
    isolation: build.isolation ?? "",
    label: Object.entries(build.labels ?? {}).map(([key, value]) => `${key}=${value}`),
    memory: wishes.memory ?? 0,
    network: build.network || "default",
    "no-cache": build.no_cache === true || wishes.noCache === true,
    platform: build.platforms ?? [],
    provenance: wishes.provenance || build.provenance || "",
    pull: build.pull === true || wishes.pull === true,
    push: isPushed,
    load: isPushed,
    sbom: wishes.sbom || build.sbom || "",
    secret: secrets.flatMap((secret) => ("file" in secret ? [`id=${secret.id},src=${secret.file}`] : [])),
    "shm-size": Number(build.shm_size ?? 0),
    ssh: [...(build.ssh ?? []), ...(wishes.ssh ? [wishes.ssh] : [])],
    tag: [...(build.tags ?? []), image],
    target: build.target ?? "",
    ulimit: ulimitsOf(name, build.ulimits ?? {}),
  };
}

function ulimitsOf(service: string, ulimits: NonNullable<ServiceToBuild["build"]["ulimits"]>): BuildFlags["ulimit"] {
  return Object.entries(ulimits).map(([limit, value]) => {
    const both = typeof value === "number" ? { soft: value, hard: value } : value;
    if (both.soft === undefined || both.hard === undefined) {
      throw new CliError(`services.${service}.build.ulimits.${limit}: give soft and hard`);
    }
    return { Name: limit, Soft: both.soft, Hard: both.hard };
  });
}

/** The word after `build`. */
export const contextWord = ({ build }: ServiceToBuild) =>
  isDirectory(build.context) ? build.context : build.context.replace(/^github\.com\//, "https://github.com/");

function emptyFlags(): BuildFlags {
  return Object.fromEntries(Object.entries(buildFlags).map(([name, flag]) => [name, flag.initial()])) as BuildFlags;
}
