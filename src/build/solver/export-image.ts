/** Outputs that are images: into the store and from there to registries, or as an archive. */
import type { ImageToPublish, PublishedImage } from "../../image/contract.ts";
import { errorText, NaruError } from "../../lib/errors.ts";
import { canonicalReference, parseReference } from "../../lib/image-reference.ts";
import type { Digest } from "../../model/image.ts";
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
    const published = await context.workshop.publish(imageToPublish(targets, output, references, mediaTypes));
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
  { compression = "gzip", annotations }: ImageOutput | ArchiveOutput,
  references: string[],
  mediaTypes: ImageToPublish["mediaTypes"],
): ImageToPublish {
  const { manifest, index } = splitAnnotations(annotations ?? {});
  return {
    platforms: targets.map(({ config, layers, attest }) => ({
      config,
      layers,
      ...(manifest ? { annotations: manifest } : {}),
      ...(attest ? { attest } : {}),
    })),
    references,
    compression,
    mediaTypes,
    ...(index ? { indexAnnotations: index } : {}),
  };
}

/** "index:key" and "manifest-descriptor[platform]:key" as buildx writes them; without a prefix they are the manifest's. */
function splitAnnotations(annotations: Record<string, string>) {
  const manifest: Record<string, string> = {};
  const index: Record<string, string> = {};
  for (const [name, value] of Object.entries(annotations)) {
    const [, places, key] = /^((?:index|manifest)(?:,(?:index|manifest))*):(.+)$/.exec(name) ?? [
      undefined,
      "manifest",
      name,
    ];
    for (const place of places!.split(",")) (place === "index" ? index : manifest)[key!] = value;
  }
  const filled = (found: Record<string, string>) => (Object.keys(found).length > 0 ? found : undefined);
  return { manifest: filled(manifest), index: filled(index) };
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
