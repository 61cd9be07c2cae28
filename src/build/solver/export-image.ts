/** Outputs that are images: into the store and from there to registries, or as an archive. */
import type { ImageToPublish, PublishedImage } from "../../image/contract.ts";
import { errorText, NaruError } from "../../lib/errors.ts";
import { canonicalReference, parseReference } from "../../lib/image-reference.ts";
import { fitsPlatform, parsePlatform } from "../../lib/platform.ts";
import type { Digest, Platform } from "../../model/image.ts";
import type { BuildOutput, BuildStep } from "../contract.ts";
import { type BuildRun, nowMs } from "./build-run.ts";
import type { SolverContext } from "./builder-parts.ts";
import { digestOf } from "./cache-key.ts";
import type { ConfiguredTarget } from "./image-config.ts";

type ImageOutput = BuildOutput & { type: "image" };
type ArchiveOutput = BuildOutput & { type: "oci" | "docker" };

export interface ImageExport {
  targets: ConfiguredTarget[];
  run: BuildRun;
}

/** @throws {NaruError} invalid for a bad name; what the registry says */
export async function exportImage(
  context: SolverContext,
  { targets, run }: ImageExport,
  output: ImageOutput,
): Promise<PublishedImage> {
  const references = canonicalNames(output.names);
  const step = exportStep("exporting to image", references);
  return await run.showing(step, async () => {
    const tell = teller(run, step.digest);
    const mediaTypes = output.ociMediaTypes === false ? "docker" : "oci";
    const image = imageToPublish(targets, output, references, mediaTypes);
    const published = await context.workshop.publish(image, { signal: run.signal });
    tell("exporting layers");
    tell(`writing image ${published.image.id}`);
    for (const reference of references) tell(`naming to ${reference}`);
    if (output.push) for (const reference of references) await push(context, run, reference, step.digest);
    return published;
  });
}

/** @throws {NaruError} what the receiver says */
export async function exportArchive(
  { workshop }: SolverContext,
  { targets, run }: ImageExport,
  output: ArchiveOutput,
): Promise<PublishedImage> {
  if (output.type === "docker" && targets.length > 1) {
    throw new NaruError(
      "invalid",
      "docker exporter does not support exporting manifest lists, use the oci exporter instead",
    );
  }
  const references = canonicalNames(output.names);
  const step = exportStep(`exporting to ${output.type} image format`, references);
  return await run.showing(step, async () => {
    const tell = teller(run, step.digest);
    const mediaTypes = output.type === "docker" ? "docker" : "oci";
    const { sbom, provenance } = run.request.attestations;
    // Docker's archives hold one image: what nobody asked for must not make them an index.
    const isPlain = output.type === "docker" && !sbom && provenance === "inline";
    const exported = isPlain ? targets.map(({ attest, ...target }) => target) : targets;
    const image = imageToPublish(exported, output, references, mediaTypes);
    const { tar, blobs, close, ...published } = await workshop.archive(image, { signal: run.signal });
    try {
      tell("exporting layers");
      if (typeof output.write === "function") await output.write(tar);
      else {
        await output.write.layout({ root: published.descriptor, blobs, read: (digest) => workshop.readBlob(digest) });
      }
      tell("sending tarball");
    } finally {
      await close();
    }
    return published;
  });
}

function canonicalNames(names: readonly string[]): string[] {
  return [...new Set(names.map((name) => canonicalReference(parseReference(name))))];
}

function exportStep(name: string, references: readonly string[]): BuildStep {
  return { digest: digestOf(name, ...references), name, inputs: [], cached: false };
}

function teller(run: BuildRun, step: Digest): (name: string) => void {
  let startedAt = nowMs();
  return (name) => {
    const completedAt = nowMs();
    run.emit({ type: "progress", step, id: name, name, current: 0, total: 0, startedAt, completedAt });
    startedAt = completedAt;
  };
}

function imageToPublish(
  targets: ConfiguredTarget[],
  { compression = "gzip", forceCompression, annotations = {} }: ImageOutput | ArchiveOutput,
  references: string[],
  mediaTypes: ImageToPublish["mediaTypes"],
): ImageToPublish {
  const placed = Object.entries(annotations).flatMap(([name, value]) => placesOf(name, value));
  const at = (place: string, platform?: Platform) => {
    const found = placed.filter((one) => one.place === place && (!platform || isFor(one.platform, platform)));
    return found.length > 0 ? Object.fromEntries(found.map(({ key, value }) => [key, value])) : undefined;
  };
  const index = at("index");
  const whole = at("index-descriptor");
  return {
    platforms: targets.map(({ config, layers, attest }) => {
      const manifest = at("manifest", config);
      const descriptor = at("manifest-descriptor", config);
      return {
        config,
        layers,
        ...(manifest ? { annotations: manifest } : {}),
        ...(descriptor ? { descriptorAnnotations: descriptor } : {}),
        ...(attest ? { attest } : {}),
      };
    }),
    references,
    compression,
    ...(forceCompression ? { forceCompression } : {}),
    mediaTypes,
    ...(index ? { indexAnnotations: index } : {}),
    ...(whole ? { descriptorAnnotations: whole } : {}),
  };
}

interface PlacedAnnotation {
  place: string;
  /** Undefined: of every platform. */
  platform: string | undefined;
  key: string;
  value: string;
}

const PLACE = /^(?:manifest|index)(?:-descriptor)?(?:\[[^\]]*\])?$/;

/** "index,manifest-descriptor[linux/amd64]:key" as buildx writes it; without a prefix they are the manifest's. */
function placesOf(name: string, value: string): PlacedAnnotation[] {
  const colon = name.indexOf(":");
  const places = colon < 0 ? [] : name.slice(0, colon).split(",");
  if (places.length === 0 || !places.every((place) => PLACE.test(place))) {
    return [{ place: "manifest", platform: undefined, key: name, value }];
  }
  return places.map((text) => {
    const [, place = "", platform] = /^([a-z-]+)(?:\[(.*)\])?$/.exec(text) ?? [];
    return { place, platform: platform || undefined, key: name.slice(colon + 1), value };
  });
}

function isFor(wished: string | undefined, own: Platform): boolean {
  return wished === undefined || fitsPlatform(own, parsePlatform(wished));
}

async function push({ images }: SolverContext, run: BuildRun, name: string, step: Digest): Promise<void> {
  const reference = parseReference(name);
  const credentials = await run.request.session?.findCredentials(reference.domain, run.signal);
  const startedAt = nowMs();
  try {
    const lines = images.push({ reference, ...(credentials ? { credentials } : {}) }, { signal: run.signal });
    for await (const { id, status, progressDetail, error } of lines) {
      if (typeof error === "string") throw new NaruError("unavailable", error);
      if (typeof id !== "string" || typeof status !== "string") continue;
      const { current = 0, total = 0 } = (progressDetail ?? {}) as { current?: number; total?: number };
      const isDone = status === "Pushed" || status === "Layer already exists";
      const at = isDone ? { completedAt: nowMs() } : {};
      run.emit({
        type: "progress",
        step,
        id: `pushing ${id}`,
        name: `pushing ${id}`,
        current,
        total,
        startedAt,
        ...at,
      });
    }
  } catch (error) {
    run.signal.throwIfAborted();
    const kind = error instanceof NaruError ? error.kind : "internal";
    throw new NaruError(kind, `failed to push ${name}: ${errorText(error)}`, { cause: error });
  }
  run.emit({
    type: "progress",
    step,
    id: `pushing ${name}`,
    name: `pushing ${name}`,
    current: 0,
    total: 0,
    startedAt,
    completedAt: nowMs(),
  });
}
