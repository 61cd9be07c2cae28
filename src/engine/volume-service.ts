/** The volumes' part of the engine: who uses them, filters, events. */
import { NaruError } from "../lib/errors.ts";
import type { Filters } from "../model/system.ts";
import type { Volume } from "../model/volume.ts";
import type { VolumeService } from "./contract.ts";
import type { EngineContext } from "./engine-context.ts";
import { booleanFilter, hasLabels, matchesPattern, passesLabelFilters, requireKnownFilters } from "./filter-values.ts";
import { volumeUsers } from "./mount-points.ts";
import { randomId } from "./names.ts";

const ANONYMOUS_LABEL = "com.docker.volume.anonymous";

export function createVolumeService(context: EngineContext): VolumeService {
  const { volumes } = context;
  return {
    list: async (filters) => ({ Volumes: listVolumes(context, filters), Warnings: null }),
    inspect: async (name) => volumes.getVolume(name),
    async create(request) {
      const name = request.Name || randomId();
      using _turn = await context.volumeLocks.acquire(name);
      const isNew = volumes.findVolume(name) === undefined;
      const labels = request.Name ? request.Labels : { ...request.Labels, [ANONYMOUS_LABEL]: "" };
      const volume = await volumes.createVolume({ ...request, Name: name, Labels: labels });
      if (isNew) context.events.publish("volume", "create", volume.Name, { driver: volume.Driver });
      return volume;
    },
    remove: (name, options) => removeVolume(context, name, options),
    prune: (filters) => pruneVolumes(context, filters),
  };
}

function listVolumes(context: EngineContext, filters: Filters): Volume[] {
  requireKnownFilters(filters, ["dangling", "driver", "label", "name"]);
  const dangling = booleanFilter(filters, "dangling");
  const drivers = filters.get("driver") ?? [];
  return context.volumes
    .listVolumes()
    .filter(({ Name }) => matchesPattern(filters.get("name"), [Name]))
    .filter(({ Driver }) => drivers.length === 0 || drivers.includes(Driver))
    .filter(({ Labels }) => hasLabels(Labels, filters.get("label")))
    .filter(({ Name }) => dangling === undefined || (volumeUsers(context, Name).length === 0) === dangling)
    .sort((a, b) => (a.Name < b.Name ? -1 : 1));
}

async function removeVolume(context: EngineContext, name: string, options: { force: boolean }): Promise<void> {
  using _turn = await context.volumeLocks.acquire(name);
  const volume = context.volumes.findVolume(name);
  if (volume === undefined) {
    if (options.force) return;
    context.volumes.getVolume(name);
    return;
  }
  const users = volumeUsers(context, name);
  if (users.length > 0) {
    throw new NaruError("conflict", `remove ${name}: volume is in use - [${users.join(", ")}]`);
  }
  await context.volumes.removeVolume(name, options);
  context.events.publish("volume", "destroy", name, { driver: volume.Driver });
}

async function pruneVolumes(
  context: EngineContext,
  filters: Filters,
): Promise<{ VolumesDeleted: string[] | null; SpaceReclaimed: number }> {
  requireKnownFilters(filters, ["all", "label", "label!"]);
  const isAll = booleanFilter(filters, "all") ?? false;
  const removed: string[] = [];
  let SpaceReclaimed = 0;
  for (const { Name, Driver, Labels } of context.volumes.listVolumes()) {
    // Named volumes hold data on purpose.
    if (!isAll && !Object.hasOwn(Labels ?? {}, ANONYMOUS_LABEL)) continue;
    if (!passesLabelFilters(Labels, filters)) continue;
    using _turn = await context.volumeLocks.acquire(Name);
    if (volumeUsers(context, Name).length > 0 || context.volumes.findVolume(Name) === undefined) continue;
    const bytes = await context.volumes.sizeOf(Name);
    await context.volumes.removeVolume(Name, { force: false });
    context.events.publish("volume", "destroy", Name, { driver: Driver });
    removed.push(Name);
    SpaceReclaimed += bytes;
  }
  context.events.publish("volume", "prune", "", { reclaimed: String(SpaceReclaimed) });
  return { VolumesDeleted: removed.length > 0 ? removed : null, SpaceReclaimed };
}
