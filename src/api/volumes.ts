/** Tag "Volume". */
import type { VolumeService } from "../engine/contract.ts";
import { NaruError } from "../lib/errors.ts";
import type { VolumeCreateRequest } from "../model/volume.ts";
import { adaptVolumePruneFilters } from "./older-requests.ts";
import { NO_SWARM } from "./outside-swarm.ts";
import { shapeVolume } from "./replies.ts";
import { readJsonBody } from "./request-body.ts";
import { volumeCreateShape } from "./request-shapes.ts";
import type { Call, Handlers } from "./router.ts";

/** What these routes need of the engine. */
type VolumesBackend = VolumeService;

export function volumeHandlers(volumes: VolumesBackend): Handlers {
  return {
    VolumeList: (call) => list(volumes, call),
    VolumeInspect: async (call) => call.exchange.json(200, shapeVolume(await volumes.inspect(volumeName(call)))),
    VolumeCreate: (call) => create(volumes, call),
    VolumeDelete: (call) => remove(volumes, call),
    VolumePrune: (call) => prune(volumes, call),
  };
}

function volumeName(call: Call): string {
  return call.path.name ?? "";
}

async function list(volumes: VolumesBackend, { exchange, query }: Call): Promise<void> {
  const { Volumes, Warnings } = await volumes.list(query.filters());
  exchange.json(200, { Volumes: Volumes?.map(shapeVolume) ?? null, Warnings });
}

async function create(volumes: VolumesBackend, { exchange }: Call): Promise<void> {
  const request = await readJsonBody<VolumeCreateRequest>(exchange, volumeCreateShape);
  if (request?.ClusterVolumeSpec) throw new NaruError("unavailable", NO_SWARM);
  exchange.json(201, shapeVolume(await volumes.create(request ?? {})));
}

async function remove(volumes: VolumesBackend, call: Call): Promise<void> {
  await volumes.remove(volumeName(call), { force: call.query.bool("force") });
  call.exchange.empty(204);
}

async function prune(volumes: VolumesBackend, { exchange, query, version }: Call): Promise<void> {
  const report = await volumes.prune(adaptVolumePruneFilters(query.filters(), version));
  exchange.json(200, { VolumesDeleted: report.VolumesDeleted ?? [], SpaceReclaimed: report.SpaceReclaimed });
}
