import type { NetworkCreateRequest } from "../../model/network.ts";
import type { VolumeCreateRequest } from "../../model/volume.ts";
import { LABELS } from "../labels.ts";
import { escapedJson } from "../render.ts";
import type { NetworkModel, VolumeModel } from "../service-model.ts";
import { COMPOSE_VERSION } from "../version.ts";

/** The hash that a network is labelled with. */
export function networkHash(network: NetworkModel): string {
  return sha256(escapedJson(JSON.stringify(network)));
}

/** The hash that a volume is labelled with: one without driver counts as local. */
export function volumeHash({ name, driver, ...rest }: VolumeModel): string {
  return sha256(escapedJson(JSON.stringify({ name, driver: driver ?? "local", ...rest })));
}

const sha256 = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");

/** What is asked of the engine for a network of a project. */
export function networkRequest(project: string, key: string, network: NetworkModel): NetworkCreateRequest {
  const { driver, config } = network.ipam ?? {};
  const hasIpam = driver !== undefined || (config !== undefined && config.length > 0);
  return {
    Name: network.name,
    Driver: network.driver ?? "",
    Options: network.driver_opts,
    Internal: network.internal ?? false,
    Attachable: network.attachable ?? false,
    EnableIPv4: network.enable_ipv4,
    EnableIPv6: network.enable_ipv6,
    IPAM: hasIpam
      ? {
          Driver: driver ?? "",
          Config: (config ?? []).map((pool) => ({
            Subnet: pool.subnet,
            IPRange: pool.ip_range,
            Gateway: pool.gateway,
            AuxiliaryAddresses: pool.aux_addresses,
          })),
        }
      : undefined,
    Labels: {
      ...network.labels,
      [LABELS.network]: key,
      [LABELS.project]: project,
      [LABELS.version]: COMPOSE_VERSION,
      [LABELS.configHash]: networkHash(network),
    },
  };
}

/** What is asked of the engine for a volume of a project. */
export function volumeRequest(project: string, key: string, volume: VolumeModel): VolumeCreateRequest {
  return {
    Name: volume.name,
    Driver: volume.driver,
    DriverOpts: volume.driver_opts,
    Labels: {
      ...volume.labels,
      [LABELS.volume]: key,
      [LABELS.project]: project,
      [LABELS.version]: COMPOSE_VERSION,
      [LABELS.configHash]: volumeHash(volume),
    },
  };
}
