import type { HealthConfig } from "../../model/container.ts";
import type { ImageInspect } from "../../model/image.ts";
import type { UpdateFailure } from "../contract.ts";
import { toleratedFailures } from "../failure-ratio.ts";
import { seconds } from "../service-containers/create-request.ts";
import type { RolloutModel, ServiceModel } from "../service-model.ts";

/** How the containers of a service that run are replaced. */
export interface UpdateOrder {
  order: "stop-first" | "start-first";
  /** How many at once. */
  atOnce: number;
  /** Seconds between two groups. */
  delay: number;
  /** Seconds for which a group must go on running before it counts as updated. */
  monitor: number;
  /** True when the next group waits until this one is ready. */
  isGated: boolean;
  failure: UpdateFailure;
  /** True when a check tells whether a container serves. */
  isChecked: boolean;
}

/**
 * How a service is updated: as `deploy.update_config` says; else so that somebody always answers where the service allows it: with
 * a health check new ones come first, several replicas go in two groups. What shares nothing is replaced at once, as
 * docker compose does.
 */
export function updateOrder(service: ServiceModel, image: ImageInspect | undefined, count: number): UpdateOrder {
  const wished = service.deploy?.update_config;
  const isChecked = hasHealthcheck(service, image);
  const order =
    wished?.order === "start-first" || (wished?.order === undefined && mayOverlap(service, isChecked, count))
      ? "start-first"
      : "stop-first";
  const atOnce = groupSize(wished, service, isChecked, count);
  return {
    order: cannotOverlap(service) ? "stop-first" : order,
    atOnce,
    delay: wished?.delay === undefined ? 0 : seconds(wished.delay),
    monitor: wished?.monitor === undefined ? 0 : seconds(wished.monitor),
    isGated: atOnce < count,
    failure: failureOf(wished, count),
    isChecked,
  };
}

/** The ratio is that of containers to update which may fail, as in Swarm: more than that is a failure. */
function failureOf(wished: RolloutModel | undefined, count: number): UpdateFailure {
  const goesOn = wished?.failure_action === "continue";
  const tolerated = goesOn ? count : toleratedFailures(wished?.max_failure_ratio, count);
  return { tolerated, rollsBack: wished?.failure_action === "rollback" };
}

function groupSize(wished: RolloutModel | undefined, service: ServiceModel, isChecked: boolean, count: number): number {
  // 0 is all at once.
  if (wished?.parallelism !== undefined) return wished.parallelism || count;
  if (wished) return 1;
  const isServer = isChecked || (service.ports?.length ?? 0) > 0 || (service.expose?.length ?? 0) > 0;
  return isServer && count > 1 ? Math.ceil(count / 2) : count;
}

/** True when a check tells whether a container of the service serves. */
function hasHealthcheck(service: ServiceModel, image: ImageInspect | undefined): boolean {
  const own = service.healthcheck;
  if (own?.disable || own?.test?.[0] === "NONE") return false;
  if (own?.test) return true;
  const inherited: HealthConfig | null | undefined = image?.Config?.Healthcheck;
  return inherited?.Test !== undefined && inherited.Test !== null && inherited.Test[0] !== "NONE";
}

/** Old and new at the same time by default: only where a check tells when, and where they do not write to the same files. */
function mayOverlap(service: ServiceModel, isChecked: boolean, count: number): boolean {
  if (!isChecked) return false;
  const writes = (service.volumes ?? []).some(
    (mount) => mount.type !== "tmpfs" && mount.type !== "image" && !mount.read_only,
  );
  // Replicas write to the same files all the time.
  return count > 1 || (!writes && !service.volumes_from);
}

/** What two containers cannot have at once, whatever is wished. */
function cannotOverlap(service: ServiceModel): boolean {
  if (service.network_mode && service.network_mode !== "bridge" && service.network_mode !== "none") return true;
  if (service.mac_address) return true;
  return Object.values(service.networks ?? {}).some(
    (own) => own?.ipv4_address || own?.ipv6_address || own?.mac_address,
  );
}
