/** What requests of older API versions mean to the engine, which knows only the newest. */
import type { ContainerCreateRequest, HostConfig } from "../model/container.ts";
import type { Filters } from "../model/system.ts";
import type { ApiVersion } from "./version.ts";

/**
 * Fields that a version did not have are taken out; what it meant by leaving a field out is put in
 * (Engine API version history).
 */
export function adaptCreateRequest(request: ContainerCreateRequest, version: ApiVersion): ContainerCreateRequest {
  if (version >= 46) return request;
  const hostConfig: HostConfig = { ...request.HostConfig };
  if (version < 46) delete hostConfig.Annotations;
  if (version < 42) delete hostConfig.ConsoleSize;
  // Clients of that time remove the container themselves.
  if (version < 25) hostConfig.AutoRemove = false;
  if (version < 41 && !hostConfig.CgroupnsMode) hostConfig.CgroupnsMode = "host";
  if (version < 40 && !hostConfig.IpcMode) hostConfig.IpcMode = "shareable";
  hostConfig.Mounts = hostConfig.Mounts?.map((mount) => {
    const bind = { ...mount.BindOptions };
    if (version < 40) delete bind.NonRecursive;
    if (version < 44) {
      delete bind.ReadOnlyNonRecursive;
      delete bind.ReadOnlyForceRecursive;
    }
    return mount.BindOptions === undefined ? mount : { ...mount, BindOptions: bind };
  });
  const adapted: ContainerCreateRequest = { ...request, HostConfig: hostConfig };
  if (version < 44 && adapted.Healthcheck) {
    const { StartInterval: _unknownThen, ...healthcheck } = adapted.Healthcheck;
    adapted.Healthcheck = healthcheck;
  }
  return adapted;
}

/** Before 1.42 pruning volumes removed named ones too; since then that takes the filter all=true. */
export function adaptVolumePruneFilters(filters: Filters, version: ApiVersion): Filters {
  return version < 42 ? new Map(filters).set("all", ["true"]) : filters;
}
