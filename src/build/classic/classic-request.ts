/** What the parameters of `POST /build` ask for, as a request to the builder. */
import type { RegistryCredentials } from "../../distribution/contract.ts";
import { NaruError } from "../../lib/errors.ts";
import { machineArchitecture } from "../../lib/machine-architecture.ts";
import { parsePlatform } from "../../lib/platform.ts";
import type { Ulimit } from "../../model/container.ts";
import type { Platform } from "../../model/image.ts";
import type { BuildRequest, ClientSession, ContextSource } from "../contract.ts";

/** The query of `POST /build` (Engine API v1.51, ImageBuild), decoded. */
export interface ClassicOptions {
  dockerfile: string;
  tags: string[];
  extraHosts: string[];
  /** A git or http URL instead of the body. */
  remote: string;
  isQuiet: boolean;
  noCache: boolean;
  cacheFrom: string[];
  pull: boolean;
  buildArgs: Record<string, string>;
  labels: Record<string, string>;
  squash: boolean;
  networkMode: string;
  platform: string;
  target: string;
  shmSizeBytes: number;
  ulimits: Ulimit[];
  cgroupParent: string;
  resources: BuildRequest["resources"];
  /** By registry host. */
  credentials: Record<string, RegistryCredentials>;
}

/** The files of a build that have arrived. */
export interface ArrivedContext {
  dockerfile: { name: string; text: Uint8Array };
  ignoreFile?: { name: string; text: Uint8Array };
  /** Absent for a Dockerfile alone. */
  context?: ContextSource;
}

export function classicRequest(options: ClassicOptions, arrived: ArrivedContext): BuildRequest {
  return {
    dockerfile: arrived.dockerfile,
    ...(arrived.ignoreFile ? { ignoreFile: arrived.ignoreFile } : {}),
    ...(arrived.context ? { context: arrived.context } : {}),
    namedContexts: {},
    target: options.target,
    buildArgs: options.buildArgs,
    labels: options.labels,
    platforms: [platformOf(options.platform)],
    outputs: [{ type: "image", names: options.tags, push: false }],
    cacheTo: [],
    cacheFrom: options.cacheFrom.map((ref) => ({ type: "registry", ref, attributes: {} })),
    noCache: options.noCache,
    noCacheStages: [],
    pull: options.pull,
    squash: options.squash,
    networkMode: options.networkMode || "default",
    extraHosts: options.extraHosts,
    shmSizeBytes: options.shmSizeBytes,
    ulimits: options.ulimits,
    cgroupParent: options.cgroupParent,
    hostname: "",
    resources: options.resources,
    entitlements: options.networkMode === "host" ? ["network.host"] : [],
    attestations: { sbom: false },
    session: sessionOf(options.credentials),
  };
}

/** @throws {NaruError} invalid */
function platformOf(text: string): Platform {
  const own = { os: "linux", architecture: machineArchitecture() };
  if (text === "") return own;
  const { os = own.os, architecture = own.architecture, variant } = parsePlatform(text);
  if (os !== "linux")
    throw new NaruError("invalid", `operating system is not supported: ${os} (naru builds linux images)`);
  return { os, architecture, ...(variant ? { variant } : {}) };
}

/** A client without a session has its logins sent along and nothing else. */
function sessionOf(credentials: ClassicOptions["credentials"]): ClientSession {
  return {
    readSecret: async () => undefined,
    findCredentials: async (host) => {
      const found =
        credentials[host] ?? (host === "docker.io" ? credentials["https://index.docker.io/v1/"] : undefined);
      if (!found) return undefined;
      const { username = "", password = "", identityToken } = found;
      return { username, password, ...(identityToken ? { identityToken } : {}) };
    },
  };
}
