/** The configuration of a target's image: what the frontend planned, the layers' history, the time. */
import type { Attestation, LayerHandle } from "../../image/contract.ts";
import type { Descriptor, HistoryEntry, ImageConfig } from "../../model/image.ts";
import type { BuildRun } from "./build-run.ts";
import type { PlannedTarget } from "./graph.ts";
import { stepDigest } from "./step-digest.ts";
import { SCRATCH, type StepResult } from "./step-result.ts";

interface SolvedTarget {
  target: PlannedTarget;
  result: StepResult;
}

export interface ConfiguredTarget {
  config: ImageConfig;
  layers: LayerHandle[];
  /** How many of the layers and history entries are the base image's. */
  baseLayers: number;
  baseHistory: number;
  /** Cache records that it consists of. */
  recordIds: readonly string[];
  /** Provenance and bill of materials, when they were asked for. */
  attest?: (manifest: Descriptor) => Promise<Attestation[]>;
}

/** `rootfs.diff_ids` are filled in when the layers are packed. */
export async function configureTarget(run: BuildRun, { target, result }: SolvedTarget): Promise<ConfiguredTarget> {
  const history: HistoryEntry[] = [...target.baseHistory];
  // An instruction that only changes the configuration happened when the last layer was made, so that a build from the cache
  // gives the very same image.
  let created = target.base?.config.created ?? history.at(-1)?.created;
  for (const { step, created_by, comment } of target.history) {
    const made = step === undefined ? undefined : await run.results.get(stepDigest(step));
    created = limitTime(made?.createdAt ?? created ?? new Date().toISOString(), run.latestSeconds);
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
    config: {
      created: created ?? new Date().toISOString(),
      ...platform,
      config,
      rootfs: { type: "layers", diff_ids: [] },
      history,
    },
    layers: [...(result ?? SCRATCH).layers],
    baseLayers: target.base?.config.rootfs.diff_ids.length ?? 0,
    baseHistory: target.baseHistory.length,
    recordIds: (result ?? SCRATCH).recordIds ?? [],
  };
}

/** RFC 3339; not later than SOURCE_DATE_EPOCH, when it was given. */
function limitTime(time: string, latestSeconds: number | undefined): string {
  if (latestSeconds === undefined || Date.parse(time) <= latestSeconds * 1000) return time;
  return new Date(latestSeconds * 1000).toISOString().replace(".000Z", "Z");
}
