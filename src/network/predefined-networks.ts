/** The networks that every daemon has: "bridge", "host" and "none". */
import { randomBytes } from "node:crypto";
import { NaruError } from "../lib/errors.ts";
import { formatIp, type IpPrefix, parsePrefix } from "../lib/ip-address.ts";
import { planSubnet } from "./bridge-subnets.ts";
import type { NetworkRecord } from "./network-records.ts";

const DEFAULT_MTU = 1500;

/** The id of a new network: 64 hexadecimal digits. */
const newId = (): string => randomBytes(32).toString("hex");

/** A network with everything at its default. */
export function emptyRecord(name: string): Omit<NetworkRecord, "driver"> {
  return {
    id: newId(),
    name,
    created: new Date().toISOString(),
    scope: "local",
    enableIPv4: true,
    enableIPv6: false,
    ipamOptions: null,
    ipamConfig: null,
    internal: false,
    attachable: false,
    configFrom: "",
    configOnly: false,
    options: {},
    labels: {},
  };
}

/** How the network "bridge" differs from what Docker does by default. */
export interface DefaultBridgeSettings {
  /** Containers on it reach each other. */
  allowsTalk?: boolean;
  masquerades?: boolean;
  /** Where ports are published that name no host address. */
  hostAddress?: string;
}

interface DefaultBridgeOptions extends DefaultBridgeSettings {
  interfaceName: string;
  /** "10.1.0.1/24": address and subnet. */
  bip?: string;
  mtu?: number;
  /** As it was before; id and, unless `bip` says otherwise, subnet are kept. */
  older?: NetworkRecord;
}

/** The network "bridge". @throws {NaruError} invalid for a bad bip */
export function defaultBridgeRecord(options: DefaultBridgeOptions, choose: () => IpPrefix): NetworkRecord {
  const { interfaceName, bip, mtu = DEFAULT_MTU, older } = options;
  const { allowsTalk = true, masquerades = true, hostAddress = "0.0.0.0" } = options;
  const parsed = bip === undefined ? undefined : parsePrefix(bip);
  if (bip !== undefined && parsed?.prefix.version !== 4) {
    throw new NaruError("invalid", `invalid --bip ${bip}: give an IPv4 address with its prefix, such as 10.1.0.1/24`);
  }
  const [kept] = parsed === undefined ? (older?.bridge?.subnets ?? []) : [];
  const gateway = parsed && formatIp(parsed.address);
  const subnet = kept ?? planSubnet({ subnet: parsed?.prefix ?? choose(), gateway, auxiliaryAddresses: [] });
  return {
    ...emptyRecord("bridge"),
    ...(older === undefined ? {} : { id: older.id, created: older.created }),
    driver: "bridge",
    ipamConfig: [{ Subnet: subnet.subnet, Gateway: subnet.gateway }],
    options: {
      "com.docker.network.bridge.default_bridge": "true",
      "com.docker.network.bridge.enable_icc": String(allowsTalk),
      "com.docker.network.bridge.enable_ip_masquerade": String(masquerades),
      "com.docker.network.bridge.host_binding_ipv4": hostAddress,
      "com.docker.network.bridge.name": interfaceName,
      "com.docker.network.driver.mtu": String(mtu),
    },
    bridge: {
      interfaceName,
      mtu,
      allowsTalk,
      masquerades,
      hostAddress,
      subnets: [{ ...subnet, isUsersChoice: parsed !== undefined }],
    },
  };
}
