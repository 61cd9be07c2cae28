/** Endpoints and endpoint slices: where a service's pods are. */

import { isIP, isIPv4, isIPv6 } from "node:net";
import type { Endpoints } from "../../model/kubernetes/core.ts";
import type { EndpointSlice } from "../../model/kubernetes/discovery.ts";
import { ENDPOINT_SLICES, ENDPOINTS } from "../../model/kubernetes/names.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { duplicate, type FieldError, invalid, required, tooMany } from "../machinery/field-error.ts";
import { dnsLabelFaults, dnsSubdomainFaults, portNumberFaults } from "../name-rules.ts";
import { immutable, oneOf } from "./common-rules.ts";
import { badAddress } from "./pod-validation.ts";

const MOST_ENDPOINTS = 1000;
const MOST_ADDRESSES = 100;
const PROTOCOLS = ["SCTP", "TCP", "UDP"];

export const endpoints: ResourceDefinition<Endpoints> = {
  type: ENDPOINTS,
  singular: "endpoints",
  shortNames: ["ep"],
  createOnUpdate: true,
  defaults(object) {
    for (const subset of object.subsets ?? []) for (const port of subset.ports ?? []) port.protocol ||= "TCP";
  },
  validate(object) {
    return (object.subsets ?? []).flatMap((subset, index) => {
      const at = `subsets[${index}]`;
      const faults: FieldError[] = [];
      if ((subset.addresses ?? []).length + (subset.notReadyAddresses ?? []).length === 0) {
        faults.push(required(at, "must specify `addresses` or `notReadyAddresses`"));
      }
      for (const name of ["addresses", "notReadyAddresses"] as const) {
        for (const [place, address] of (subset[name] ?? []).entries()) {
          if (isIP(address.ip ?? "") === 0) faults.push(badAddress(`${at}.${name}[${place}].ip`, address.ip ?? ""));
        }
      }
      const ports = subset.ports ?? [];
      for (const [place, port] of ports.entries()) {
        faults.push(...portFaults(`${at}.ports[${place}]`, port, ports.length > 1));
      }
      return faults;
    });
  },
};

export const endpointSlices: ResourceDefinition<EndpointSlice> = {
  type: ENDPOINT_SLICES,
  singular: "endpointslice",
  generation: true,
  defaults(slice) {
    for (const port of slice.ports ?? []) {
      port.name ??= "";
      port.protocol ||= "TCP";
    }
  },
  validate(slice) {
    const faults: FieldError[] = [];
    if (!slice.addressType) faults.push(required("addressType"));
    else faults.push(...oneOf("addressType", slice.addressType, ["FQDN", "IPv4", "IPv6"]));
    const list = slice.endpoints ?? [];
    if (list.length > MOST_ENDPOINTS) faults.push(tooMany("endpoints", list.length, MOST_ENDPOINTS));
    for (const [index, endpoint] of list.entries()) {
      const at = `endpoints[${index}].addresses`;
      const addresses = endpoint.addresses ?? [];
      if (addresses.length === 0) faults.push(required(at, "must contain at least 1 address"));
      if (addresses.length > MOST_ADDRESSES) faults.push(tooMany(at, addresses.length, MOST_ADDRESSES));
      for (const [place, address] of addresses.entries()) {
        faults.push(...addressFaults(`${at}[${place}]`, slice.addressType, address));
      }
      if (endpoint.hostname) {
        faults.push(
          ...dnsLabelFaults(endpoint.hostname).map((why) =>
            invalid(`endpoints[${index}].hostname`, endpoint.hostname, why),
          ),
        );
      }
    }
    const names = new Set<string>();
    for (const [index, port] of (slice.ports ?? []).entries()) {
      if (names.has(port.name ?? "")) faults.push(duplicate(`ports[${index}].name`, port.name ?? ""));
      names.add(port.name ?? "");
      faults.push(...oneOf(`ports[${index}].protocol`, port.protocol, PROTOCOLS));
    }
    return faults;
  },
  validateUpdate: (now, before) => immutable("addressType", now.addressType, before.addressType),
};

function addressFaults(field: string, type: string, address: string): FieldError[] {
  if (type === "IPv4" && !isIPv4(address)) return [invalid(field, address, "must be an IPv4 address")];
  if (type === "IPv6" && !isIPv6(address)) return [invalid(field, address, "must be an IPv6 address")];
  return type === "FQDN" ? dnsSubdomainFaults(address).map((why) => invalid(field, address, why)) : [];
}

function portFaults(
  at: string,
  port: { name?: string; port: number; protocol?: string },
  named: boolean,
): FieldError[] {
  const faults: FieldError[] = [];
  if (named && !port.name) faults.push(required(`${at}.name`));
  else if (port.name) faults.push(...dnsLabelFaults(port.name).map((why) => invalid(`${at}.name`, port.name, why)));
  faults.push(...portNumberFaults(port.port ?? 0).map((why) => invalid(`${at}.port`, port.port ?? 0, why)));
  faults.push(...oneOf(`${at}.protocol`, port.protocol, PROTOCOLS));
  return faults;
}
