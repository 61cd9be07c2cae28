/** Where cluster addresses of services come from, and who has which (networking.k8s.io/v1). */

import { isIP } from "node:net";
import { IP_ADDRESSES, SERVICE_CIDRS } from "../../model/kubernetes/names.ts";
import type { IPAddress, ServiceCIDR } from "../../model/kubernetes/networking.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { type FieldError, invalid, required, tooMany } from "../machinery/field-error.ts";
import { cidrFault } from "./address-range.ts";
import { immutable } from "./common-rules.ts";
import { statusUpdate } from "./status-update.ts";

/** Keeps a range while services have addresses of it alone. */
export const SERVICE_CIDR_FINALIZER = "networking.k8s.io/service-cidr-finalizer";
/** The range that the cluster was started with. */
export const DEFAULT_SERVICE_CIDR = "kubernetes";

export const serviceCidrs: ResourceDefinition<ServiceCIDR> = {
  type: SERVICE_CIDRS,
  singular: "servicecidr",
  partialUpdates: { status: statusUpdate() },
  // From the first moment on, so that no address can be given out of a range that is gone.
  prepareCreate({ metadata }) {
    metadata.finalizers = [...new Set([...(metadata.finalizers ?? []), SERVICE_CIDR_FINALIZER])];
  },
  validate({ spec }) {
    const cidrs = spec?.cidrs ?? [];
    if (cidrs.length === 0) return [required("spec.cidrs", "at least one CIDR required")];
    if (cidrs.length > 2) return [tooMany("spec.cidrs", cidrs.length, 2)];
    if (cidrs.length === 2) {
      const why = "naru gives services IPv4 addresses alone: name one range, and another in a ServiceCIDR of its own";
      return [invalid("spec.cidrs", cidrs, why)];
    }
    return cidrs.flatMap((cidr, at) => {
      const why = cidrFault(cidr);
      return why === undefined ? [] : [invalid(`spec.cidrs[${at}]`, cidr, why)];
    });
  },
  validateUpdate: (now, before) => immutable("spec.cidrs", now.spec?.cidrs, before.spec?.cidrs),
};

export const ipAddresses: ResourceDefinition<IPAddress> = {
  type: IP_ADDRESSES,
  singular: "ipaddress",
  shortNames: ["ip"],
  nameFaults: (name) => (isIP(name) > 0 && isCanonical(name) ? [] : ["must be a valid IP address in canonical form"]),
  validate({ spec }) {
    const parent = spec?.parentRef;
    if (parent === undefined) return [required("spec.parentRef")];
    const faults: FieldError[] = [];
    if (!parent.resource) faults.push(required("spec.parentRef.resource"));
    if (!parent.name) faults.push(required("spec.parentRef.name"));
    return faults;
  },
  validateUpdate: (now, before) => immutable("spec.parentRef", now.spec?.parentRef, before.spec?.parentRef),
  selectableFields: {
    "spec.parentRef.group": ({ spec }) => spec?.parentRef.group ?? "",
    "spec.parentRef.resource": ({ spec }) => spec?.parentRef.resource ?? "",
    "spec.parentRef.namespace": ({ spec }) => spec?.parentRef.namespace ?? "",
    "spec.parentRef.name": ({ spec }) => spec?.parentRef.name ?? "",
  },
};

/** As the address is written in URLs: the shortest form, in small letters. */
function isCanonical(address: string): boolean {
  if (isIP(address) === 4) return new URL(`http://${address}`).hostname === address;
  return new URL(`http://[${address}]`).hostname === `[${address}]`;
}
