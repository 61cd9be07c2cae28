/** The configuration of a target's image: what the frontend planned, the layers' history, the time. */
import type { LayerHandle } from "../../image/contract.ts";
import type { HistoryEntry, ImageConfig } from "../../model/image.ts";
import type { BuildRun } from "./build-run.ts";
import { type PlannedTarget, stepDigest } from "./graph.ts";
import { SCRATCH, type StepResult } from "./step-result.ts";

export interface SolvedTarget {
  target: PlannedTarget;
  result: StepResult;
}

export interface ConfiguredTarget {
  config: ImageConfig;
  layers: LayerHandle[];
}

/** `rootfs.diff_ids` are filled in when the layers are packed. */
export async function configureTarget(run: BuildRun, { target, result }: SolvedTarget): Promise<ConfiguredTarget> {
  const created = createdText(run.latestSeconds);
  const history: HistoryEntry[] = [...target.baseHistory];
  for (const { step, created_by, comment } of target.history) {
    const made = step === undefined ? undefined : await run.results.get(stepDigest(step));
    const entry: HistoryEntry = {
      created,
      created_by,
      ...(comment === "" ? {} : { comment }),
      ...(target.image.author ? { author: target.image.author } : {}),
    };
    const ownLayers = made?.ownLayers ?? 0;
    history.push(ownLayers > 0 ? entry : { ...entry, empty_layer: true });
  }
  const { config, ...platform } = target.image;
  return {
    config: { created, ...platform, config, rootfs: { type: "layers", diff_ids: [] }, history },
    layers: [...(result ?? SCRATCH).layers],
  };
}

/** RFC 3339; SOURCE_DATE_EPOCH when it was given. */
export function createdText(seconds: number | undefined): string {
  return seconds === undefined
    ? new Date().toISOString()
    : new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
