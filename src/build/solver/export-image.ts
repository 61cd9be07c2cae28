/** The output "image": into the store, under its names, and from there to a registry. */

import type { LocalImage } from "../../image/contract.ts";
import { canonicalReference, familiarName, parseReference } from "../../lib/image-reference.ts";
import type { BuildOutput, BuildStep } from "../contract.ts";
import type { BuildRun } from "./build-run.ts";
import { nowMs } from "./build-run.ts";
import type { SolverContext } from "./builder-parts.ts";
import { digestOf } from "./cache-key.ts";
import type { ConfiguredTarget } from "./image-config.ts";

export interface ExportedImage {
  image: LocalImage;
  names: string[];
}

/** @throws {NaruError} invalid for a bad name */
export async function exportImage(
  { workshop }: SolverContext,
  run: BuildRun,
  targets: ConfiguredTarget[],
  output: BuildOutput & { type: "image" },
): Promise<ExportedImage> {
  const references = output.names.map((name) => canonicalReference(parseReference(name)));
  const step: BuildStep = {
    digest: digestOf("export", ...references),
    name: "exporting to image",
    inputs: [],
    cached: false,
  };
  const image = await run.showing(step, async () => {
    const startedAt = nowMs();
    const tell = (id: string, name: string, from: number) =>
      run.emit({
        type: "progress",
        step: step.digest,
        id,
        name,
        current: 0,
        total: 0,
        startedAt: from,
        completedAt: nowMs(),
      });
    const published = await workshop.publish({
      platforms: targets.map(({ config, layers }) => ({ config, layers })),
      references,
      compression: output.compression ?? "gzip",
      mediaTypes: output.ociMediaTypes === false ? "docker" : "oci",
    });
    tell("exporting layers", "exporting layers", startedAt);
    tell(`writing image ${published.id}`, `writing image ${published.id}`, startedAt);
    for (const reference of references) tell(`naming to ${reference}`, `naming to ${reference}`, startedAt);
    return published;
  });
  return { image, names: references.map(familiarName) };
}
