/** `--squash`: what the build added to its base image becomes one layer. */
import type { LayerHandle } from "../../image/contract.ts";
import type { SolverContext } from "./builder-parts.ts";
import { digestOf } from "./cache-key.ts";
import type { CacheStore } from "./cache-store.ts";
import type { ConfiguredTarget } from "./image-config.ts";
import type { SquashParams } from "./layer-squash.ts";

/** @returns the target with at most one layer above those of the base image */
export async function squashTarget(
  context: SolverContext,
  cache: CacheStore,
  target: ConfiguredTarget,
  signal: AbortSignal,
): Promise<ConfiguredTarget> {
  const { layers, config } = target;
  const base = layers.slice(0, target.baseLayers);
  const own = layers.slice(target.baseLayers);
  if (own.length < 2) return target;
  const key = digestOf("squash", ...own.map((layer) => (layer.kind === "built" ? layer.id : layer.chainId)));
  const known = cache.find(key);
  const layer = known?.layer ?? (await squash(context, own, { hasBase: base.length > 0, signal }));
  if (!known) {
    await cache.add({
      keys: [key],
      identity: key,
      layer,
      kind: "regular",
      description: "squashed layers",
      parents: [],
    });
  }
  const baseEntries = target.baseHistory;
  const built = (config.history ?? []).slice(baseEntries).map((entry) => ({ ...entry, empty_layer: true }));
  const merged = { created: config.created, comment: `merge of ${own.length} layers` };
  const history = [...(config.history ?? []).slice(0, baseEntries), ...built, merged];
  const squashed: LayerHandle = { kind: "built", id: layer };
  return { ...target, config: { ...config, history }, layers: [...base, squashed] };
}

async function squash(
  context: SolverContext,
  own: LayerHandle[],
  { hasBase, signal }: { hasBase: boolean; signal: AbortSignal },
): Promise<string> {
  const { workshop, pool } = context;
  await using undo = new AsyncDisposableStack();
  const draft = await workshop.openDraft();
  undo.defer(() => workshop.removeLayer(draft.id));
  const params: SquashParams = {
    layers: own.map((layer) => workshop.directoryOf(layer)),
    target: draft.upperDir,
    hasBase,
  };
  await pool.run("squash", params, { signal });
  await workshop.keepDraft(draft);
  undo.move();
  return draft.id;
}
