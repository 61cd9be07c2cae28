import type { Compression, WishOutput } from "../../model/build-exchange.ts";
import { CliError } from "../cli-error.ts";
import { csvBool, csvSettings } from "./csv-settings.ts";

/** Where the client puts what the daemon sends for an output. */
export type Destination =
  | { kind: "directory"; path: string }
  /** A directory whose index.json may name other images, which stay. */
  | { kind: "layout"; path: string }
  | { kind: "file"; path: string }
  | { kind: "stdout" };

export interface Outputs {
  wishes: WishOutput[];
  /** By number of the output; absent for those that stay with the daemon. */
  destinations: (Destination | undefined)[];
}

interface OutputFlags {
  output: string[];
  push: boolean;
  load: boolean;
  tag: string[];
  annotation: string[];
}

type OutputSettings = Record<string, string>;

/** Keys of `--output` that naru understands, by type. */
const KNOWN: Record<string, readonly string[]> = {
  image: ["name", "push", "compression", "oci-mediatypes", "store", "unpack", "force-compression"],
  registry: ["name", "push", "compression", "oci-mediatypes", "force-compression"],
  docker: ["name", "dest", "tar", "compression", "force-compression"],
  oci: ["name", "dest", "tar", "compression", "oci-mediatypes", "force-compression"],
  tar: ["dest"],
  local: ["dest"],
  cacheonly: [],
};

/** What `--output`, `--push`, `--load` and `--tag` say together. Throws CliError. */
export function readOutputs(flags: OutputFlags, stdoutIsTerminal: boolean): Outputs {
  const given = flags.output.map(readSettings);
  const ofImage = (settings: OutputSettings) => settings.type === "image" || settings.type === "registry";
  if (flags.push) {
    const images = given.filter(ofImage);
    for (const settings of images) settings.push = "true";
    if (images.length === 0) given.push({ type: "image", push: "true" });
  }
  if (flags.load || given.length === 0) {
    const isThere = given.some((settings) => ofImage(settings) || (settings.type === "docker" && !settings.dest));
    if (!isThere) given.push({ type: "docker" });
  }
  const outputs: Outputs = { wishes: [], destinations: [] };
  for (const settings of given) {
    outputs.wishes.push(wishOf(settings, flags));
    outputs.destinations.push(destinationOf(settings, stdoutIsTerminal));
  }
  if (outputs.destinations.filter((one) => one?.kind === "stdout").length > 1) {
    throw new CliError("only one output can go to standard output: give the others a dest");
  }
  return outputs;
}

/** `out` is a directory, `-` a tar on standard output. */
function readSettings(text: string): OutputSettings {
  if (text === "-") return { type: "tar", dest: "-" };
  if (!text.includes("=")) return { type: "local", dest: text };
  const settings = csvSettings("output", text);
  const { type = "" } = settings;
  if (type === "") throw new CliError("type is required for output");
  const known = KNOWN[type];
  if (known === undefined) {
    throw new CliError(`unknown output type ${type}: there are image, docker, oci, tar, local, registry and cacheonly`);
  }
  for (const key of Object.keys(settings)) {
    if (key !== "type" && !known.includes(key) && !(ANNOTATION_KEY.test(key) && known.includes("compression"))) {
      throw new CliError(`unknown setting ${key} of --output type=${type}: it has ${known.join(", ") || "none"}`);
    }
  }
  return settings;
}

function wishOf(settings: OutputSettings, flags: OutputFlags): WishOutput {
  const { type = "" } = settings;
  const names = settings.name === undefined ? flags.tag : settings.name.split(",").map((name) => name.trim());
  const common = { names, ...compressionOf(settings), ...annotationsOf(settings, flags.annotation) };
  const isArchive = type === "oci" || (type === "docker" && settings.dest !== undefined);
  if (isArchive) {
    return { type: type as "oci" | "docker", ...common };
  }
  if (type === "tar" || type === "local" || type === "cacheonly") return { type };
  const push = type === "registry" || (settings.push !== undefined && csvBool("output", "push", settings.push));
  if (push && names.length === 0) throw new CliError("tag is needed when pushing to registry");
  const mediaTypes = settings["oci-mediatypes"];
  const ociMediaTypes =
    mediaTypes === undefined ? {} : { ociMediaTypes: csvBool("output", "oci-mediatypes", mediaTypes) };
  return { type: "image", push, ...common, ...ociMediaTypes };
}

function compressionOf(settings: OutputSettings): { compression?: Compression; forceCompression?: boolean } {
  const { compression, "force-compression": force } = settings;
  const forced = force !== undefined && csvBool("output", "force-compression", force) ? { forceCompression: true } : {};
  if (compression === undefined) return forced;
  if (compression === "gzip" || compression === "zstd" || compression === "uncompressed")
    return { compression, ...forced };
  throw new CliError(`compression ${compression} is not supported: use gzip, zstd or uncompressed`);
}

const ANNOTATION_PLACE = /^(?:manifest|index)(?:-descriptor)?(?:\[[^\]]*\])?$/;
const ANNOTATION_KEY = /^annotation(?:-((?:manifest|index)(?:-descriptor)?))?(\[[^\]]*\])?\.(.+)$/;

/** Keys keep the place that they name, as in `index:key`. */
function annotationsOf(settings: OutputSettings, flags: readonly string[]): { annotations?: Record<string, string> } {
  const annotations: Record<string, string> = {};
  for (const [key, value] of Object.entries(settings)) {
    const [, place = "manifest", platform = "", name] = ANNOTATION_KEY.exec(key) ?? [];
    if (name !== undefined) annotations[`${place}${platform}:${name}`] = value;
  }
  for (const text of flags) {
    const equals = text.indexOf("=");
    if (equals <= 0) throw new CliError(`invalid annotation ${JSON.stringify(text)}, expected key=value`);
    const place = /^([a-z,-]+(?:\[[^\]]*\])?):/.exec(text.slice(0, equals))?.[1];
    if (place !== undefined && !place.split(",").every((one) => ANNOTATION_PLACE.test(one))) {
      throw new CliError(
        `annotations stand on manifest, index, manifest-descriptor or index-descriptor, not on ${place}: write manifest:key=value`,
      );
    }
    annotations[text.slice(0, equals)] = text.slice(equals + 1);
  }
  return Object.keys(annotations).length === 0 ? {} : { annotations };
}

function destinationOf(settings: OutputSettings, stdoutIsTerminal: boolean): Destination | undefined {
  const { type = "", dest } = settings;
  if (type === "local") {
    if (!dest) throw new CliError("dest is required for local output");
    if (dest === "-") throw new CliError("dest cannot be stdout for local output: use type=tar");
    return { kind: "directory", path: dest };
  }
  if ((type === "oci" || type === "docker") && settings.tar !== undefined && !csvBool("output", "tar", settings.tar)) {
    if (!dest || dest === "-") throw new CliError(`dest is required for --output type=${type},tar=false: a directory`);
    return { kind: "layout", path: dest };
  }
  const isStream = type === "tar" || type === "oci" || (type === "docker" && dest !== undefined);
  if (!isStream) return undefined;
  if (dest !== undefined && dest !== "" && dest !== "-") return { kind: "file", path: dest };
  if (!stdoutIsTerminal) return { kind: "stdout" };
  throw new CliError(`dest file is required for ${type} exporter. refusing to write to console`);
}
