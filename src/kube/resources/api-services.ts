/** Which server answers for a group and version of the API (apiregistration.k8s.io/v1). */

import type { APIService } from "../../model/kubernetes/apiregistration.ts";
import { API_SERVICES } from "../../model/kubernetes/names.ts";
import type { ResourceDefinition, TableColumn } from "../machinery/definition.ts";
import { type FieldError, invalid, required } from "../machinery/field-error.ts";
import { pathSegmentFaults } from "../name-rules.ts";
import { AGE, NAME, NONE, text } from "./columns/column.ts";
import { statusUpdate } from "./status-update.ts";

const HIGHEST_GROUP_PRIORITY = 20_000;
const HIGHEST_VERSION_PRIORITY = 1000;

export const apiServices: ResourceDefinition<APIService> = {
  type: API_SERVICES,
  singular: "apiservice",
  categories: ["api-extensions"],
  partialUpdates: { status: statusUpdate() },
  nameFaults: pathSegmentFaults,
  defaults({ spec }) {
    if (spec?.service !== undefined) spec.service.port ??= 443;
  },
  validate({ metadata, spec }) {
    if (spec === undefined) return [required("spec")];
    const faults: FieldError[] = [];
    const { group = "", version = "", service, caBundle, insecureSkipTLSVerify } = spec;
    if (metadata.name !== `${version}.${group}`) {
      faults.push(invalid("metadata.name", metadata.name, 'must be `spec.version+"."+spec.group`'));
    }
    if (version === "") faults.push(required("spec.version", "version is required"));
    faults.push(...priorityFaults("spec.groupPriorityMinimum", spec.groupPriorityMinimum, HIGHEST_GROUP_PRIORITY));
    faults.push(...priorityFaults("spec.versionPriority", spec.versionPriority, HIGHEST_VERSION_PRIORITY));
    if (service === undefined) {
      const why = (what: string) => `${what} may not be specified for a local API service`;
      if (caBundle) faults.push(invalid("spec.caBundle", caBundle, why("caBundle")));
      if (insecureSkipTLSVerify) faults.push(invalid("spec.insecureSkipTLSVerify", true, why("insecureSkipTLSVerify")));
      return faults;
    }
    if (group === "")
      faults.push(invalid("spec.group", group, "only v1 may have an empty group and it better be legacy kube"));
    if (!service.namespace) faults.push(required("spec.service.namespace"));
    if (!service.name) faults.push(required("spec.service.name"));
    const port = service.port ?? 443;
    if (port < 1 || port > 65_535) {
      faults.push(invalid("spec.service.port", port, "port is not valid: must be between 1 and 65535, inclusive"));
    }
    if (insecureSkipTLSVerify && caBundle) {
      faults.push(invalid("spec.insecureSkipTLSVerify", true, "may not be true if caBundle is present"));
    }
    return faults;
  },
  columns: [
    NAME as TableColumn<APIService>,
    text("Service", ({ spec }) =>
      spec?.service === undefined ? "Local" : `${spec.service.namespace}/${spec.service.name}`,
    ),
    text("Available", availabilityText),
    AGE as TableColumn<APIService>,
  ],
};

function priorityFaults(field: string, value: number | undefined, highest: number): FieldError[] {
  if (value !== undefined && value > 0 && value <= highest) return [];
  return [invalid(field, value ?? 0, `must be positive and less than ${highest}`)];
}

function availabilityText({ status }: APIService): string {
  const available = status?.conditions?.find(({ type }) => type === "Available");
  if (available === undefined) return NONE;
  return available.status === "True" ? "True" : `${available.status} (${available.reason})`;
}
