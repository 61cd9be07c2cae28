/** The attributes of BuildKit's Dockerfile frontend, as a request to the builder. */
import { NaruError } from "../../lib/errors.ts";
import { machineArchitecture } from "../../lib/machine-architecture.ts";
import { parsePlatform } from "../../lib/platform.ts";
import type { Platform } from "../../model/image.ts";
import type { AttestationWish, BuildRequest } from "../contract.ts";
import { commaFields } from "../dockerfile/comma-fields.ts";
import type { Attributes } from "./messages.ts";

/** Prefixes under which attributes carry a name of the user's. */
const BUILD_ARG = "build-arg:";
const LABEL = "label:";
const NAMED_CONTEXT = "context:";
const ATTESTATION = "attest:";
/** What users may say of each attestation; clients repeat its type. */
const SETTINGS: Record<"provenance" | "sbom", readonly string[]> = {
  provenance: ["type", "disabled", "mode", "version", "builder-id", "inline-only"],
  sbom: ["type", "disabled", "generator"],
};

/** Attributes that stand for themselves, and those that say nothing about what is built. */
const KNOWN = new Set([
  "filename",
  "target",
  "platform",
  "no-cache",
  "image-resolve-mode",
  "force-network-mode",
  "add-hosts",
  "shm-size",
  "ulimit",
  "cgroup-parent",
  "hostname",
  "context",
  "contextkey",
  "dockerfilekey",
  "contextsubdir",
  "cache-from",
  "cache-imports",
  "multi-platform",
  "requestid",
  "cmdline",
  "source",
]);
const INFORMATION = /^(local-sessionid:|vcs:|input-metadata:|frontend\.caps$|build-arg:BUILDKIT_SYNTAX$)/;

export type FrontendAttributes = Readonly<Record<string, string>>;

/** The part of a request that the attributes decide. @throws {NaruError} invalid */
export function requestFromAttributes(
  attributes: FrontendAttributes,
): Omit<BuildRequest, "dockerfile" | "ignoreFile" | "context" | "namedContexts" | "outputs" | "cacheTo" | "cacheFrom"> {
  refuseUnknown(attributes);
  const noCache = attributes["no-cache"];
  return {
    target: attributes.target ?? "",
    buildArgs: withPrefix(attributes, BUILD_ARG),
    labels: withPrefix(attributes, LABEL),
    platforms: platformsOf(attributes.platform),
    noCache: noCache === "",
    noCacheStages: splitList(noCache),
    pull: attributes["image-resolve-mode"] === "pull",
    squash: false,
    networkMode: networkOf(attributes["force-network-mode"]),
    extraHosts: splitList(attributes["add-hosts"]).map((entry) => entry.replace("=", ":")),
    shmSizeBytes: attributes["shm-size"] ? sizeOf(attributes["shm-size"]) : 0,
    ulimits: splitList(attributes.ulimit).map(ulimitOf),
    cgroupParent: attributes["cgroup-parent"] ?? "",
    hostname: attributes.hostname ?? "",
    resources: {},
    entitlements: [],
    attestations: attestationsOf(attributes),
    ...(attributes.requestid ? { onlyCheck: checkOf(attributes.requestid) } : {}),
  };
}

/** Names and values of the attributes with that prefix. */
export function withPrefix(attributes: FrontendAttributes, prefix: string): Record<string, string> {
  const entries = Object.entries(attributes).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(entries.map(([name, value]) => [name.slice(prefix.length), value]));
}

export function namedContextsOf(attributes: FrontendAttributes): Record<string, string> {
  return withPrefix(attributes, NAMED_CONTEXT);
}

function refuseUnknown(attributes: FrontendAttributes): void {
  const prefixes = [BUILD_ARG, LABEL, NAMED_CONTEXT, ATTESTATION];
  for (const name of Object.keys(attributes)) {
    if (KNOWN.has(name) || INFORMATION.test(name) || prefixes.some((prefix) => name.startsWith(prefix))) continue;
    throw new NaruError("invalid", `the builder does not know the option ${name}`);
  }
}

const CHECKS: Record<string, BuildRequest["onlyCheck"]> = {
  "frontend.lint": "lint",
  "frontend.outline": "outline",
  "frontend.targets": "targets",
};

function checkOf(id: string): NonNullable<BuildRequest["onlyCheck"]> {
  const check = CHECKS[id];
  if (check === undefined) throw new NaruError("invalid", `unsupported request ${id}`);
  return check;
}

function platformsOf(text: string | undefined): Platform[] {
  const own = { os: "linux", architecture: machineArchitecture() };
  const wanted = splitList(text);
  if (wanted.length === 0) return [own];
  return wanted.map((name) => {
    const { os = own.os, architecture = own.architecture, variant } = parsePlatform(name);
    if (os !== "linux")
      throw new NaruError("invalid", `operating system is not supported: ${os} (naru builds linux images)`);
    return { os, architecture, ...(variant ? { variant } : {}) };
  });
}

function networkOf(mode: string | undefined): string {
  return mode === undefined || mode === "" || mode === "sandbox" ? "default" : mode;
}

function sizeOf(text: string): number {
  const bytes = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(bytes)) throw new NaruError("invalid", `invalid shm-size: ${text}`);
  return bytes;
}

function ulimitOf(text: string): BuildRequest["ulimits"][number] {
  const match = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text);
  if (match === null) throw new NaruError("invalid", `invalid ulimit: ${text}`);
  const [, name = "", soft = "", hard = soft] = match;
  return { Name: name, Soft: Number(soft), Hard: Number(hard) };
}

/** @throws {NaruError} invalid for settings that naru does not have */
function attestationsOf(attributes: FrontendAttributes): AttestationWish {
  const wanted = withPrefix(attributes, ATTESTATION);
  const unknown = Object.keys(wanted).find((type) => type !== "provenance" && type !== "sbom");
  if (unknown !== undefined) {
    throw new NaruError("invalid", `unsupported attestation type ${unknown}: use provenance or sbom`);
  }
  const sbom = settingsOf("sbom", wanted.sbom);
  if (sbom?.generator !== undefined && sbom.generator !== "" && sbom.generator !== "image") {
    throw new NaruError(
      "invalid",
      `the sbom generator ${sbom.generator} is not run: naru lists what is installed itself`,
    );
  }
  const provenance = settingsOf("provenance", wanted.provenance);
  return { sbom: sbom !== undefined, ...(provenance ? provenanceOf(provenance) : {}) };
}

/** Undefined for what was not asked for, or switched off. Values with commas stand in quotes. */
function settingsOf(type: keyof typeof SETTINGS, text: string | undefined): Record<string, string> | undefined {
  if (text === undefined) return undefined;
  const settings: Record<string, string> = {};
  for (const field of commaFields(text).filter((each) => each.trim() !== "")) {
    // A builder's address may have an equals sign of its own.
    const [, name = "", value = "true"] = /^\s*([^=]*?)\s*(?:=(.*))?$/s.exec(field) ?? [];
    if (!SETTINGS[type].includes(name)) {
      const known = SETTINGS[type].join(", ");
      throw new NaruError("invalid", `unknown setting ${name} of an attestation of type ${type}: there are ${known}`);
    }
    settings[name] = value;
  }
  return settings.disabled === "true" ? undefined : settings;
}

function provenanceOf(settings: Record<string, string>): Omit<AttestationWish, "sbom"> {
  const { mode = "min", version = "v1", "builder-id": builderId } = settings;
  if (mode !== "min" && mode !== "max")
    throw new NaruError("invalid", `invalid provenance mode ${mode}: use min or max`);
  if (version !== "v0.2" && version !== "v1") {
    throw new NaruError("invalid", `invalid provenance version ${version}: use v0.2 or v1`);
  }
  // "inline-only" is what clients say when their user asked for nothing.
  const provenance = settings["inline-only"] === "true" && mode === "min" ? "inline" : mode;
  return { provenance, provenanceVersion: version, ...(builderId ? { builderId } : {}) };
}

/** Cache imports travel in an attribute (JSON) since clients that use the gateway have no other place. */
export function cacheImportsOf(attributes: FrontendAttributes, imports: readonly Attributes[]): Attributes[] {
  const listed = attributes["cache-imports"];
  const fromAttribute = listed ? (JSON.parse(listed) as Attributes[]) : [];
  const legacy = splitList(attributes["cache-from"]).map((ref) => ({ Type: "registry", Attrs: { ref } }));
  const all = [...imports, ...fromAttribute, ...legacy];
  return all.filter((one, index) => all.findIndex((other) => sameOrigin(one, other)) === index);
}

function sameOrigin(one: Attributes, other: Attributes): boolean {
  return one.Type === other.Type && JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}

function sorted({ Attrs }: Attributes): [string, string][] {
  return Object.entries(Attrs).sort(([a], [b]) => (a < b ? -1 : 1));
}

function splitList(text: string | undefined): string[] {
  return (text ?? "").split(",").filter((item) => item !== "");
}
