/** The default bridge, the pools of new networks and what containers ask for names, out of the settings. */
import { isIP } from "node:net";
import { errorText } from "../lib/errors.ts";
import { checkSearchDomain } from "../lib/search-domain.ts";
import type { OptionReader } from "./option-reader.ts";
import { badSetting } from "./setting-error.ts";
import { type AddressPoolSetting, prefixLength } from "./setting-values.ts";

/** @throws invalid for what is no address, domain or MTU */
export function networkOptions(read: OptionReader) {
  const bridgeAddress = read.optionalText("bip");
  if (bridgeAddress !== undefined && prefixLength(bridgeAddress) === undefined) {
    throw badSetting(`invalid bip "${bridgeAddress}": write an address with its prefix, e.g. 172.17.0.1/16`);
  }
  return {
    bridgeAddress,
    mtu: checkedMtu(read.value<number>("mtu")),
    interContainer: read.bool("icc", true),
    publishAddress: checkedAddress(read.text("ip", "0.0.0.0")),
    masquerade: read.bool("ip-masq", true),
    firewall: read.bool("iptables", true),
    addressPools: read.value<AddressPoolSetting[]>("default-address-pool") ?? [],
    dns: read.list("dns").map(checkedAddress),
    dnsOptions: read.list("dns-opt"),
    dnsSearch: read.list("dns-search").map(checkedDomain),
  };
}

/** 0 stands for the default. */
function checkedMtu(mtu = 0): number | undefined {
  if (mtu < 0) throw badSetting(`invalid default MTU: ${mtu}`);
  return mtu === 0 ? undefined : mtu;
}

function checkedDomain(domain: string): string {
  try {
    return checkSearchDomain(domain);
  } catch (error) {
    throw badSetting(errorText(error));
  }
}

function checkedAddress(address: string): string {
  if (isIP(address) === 0) throw badSetting(`invalid IP address: ${address}`);
  return address;
}
