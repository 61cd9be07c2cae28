/** Rules for a pod's spec, also inside templates. */

import { isIP } from "node:net";
import type { PodSpec, PodTemplateSpec } from "../../model/kubernetes/core.ts";
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from "../machinery/field-error.ts";
import { dnsLabelFaults, dnsSubdomainFaults, qualifiedNameFaults } from "../name-rules.ts";
import { affinityFaults, spreadFaults, tolerationFaults } from "./affinity-validation.ts";
import { annotationFaults, labelFaults, oneOf } from "./common-rules.ts";
import { containersFaults, profileFaults, userFaults } from "./container-validation.ts";
import { volumesFaults } from "./volume-validation.ts";

/** Faults of a spec that is found at `field` ("spec", "spec.template.spec"). */
export function podSpecFaults(field: string, spec: PodSpec | undefined): FieldError[] {
  if (spec === undefined) return [required(`${field}.containers`)];
  const faults = [...volumesFaults(`${field}.volumes`, spec.volumes), ...containersFaults(field, spec)];
  faults.push(...oneOf(`${field}.restartPolicy`, spec.restartPolicy, ["Always", "Never", "OnFailure"]));
  faults.push(...dnsFaults(field, spec));
  faults.push(...labelFaults(`${field}.nodeSelector`, spec.nodeSelector));
  faults.push(...affinityFaults(`${field}.affinity`, spec.affinity));
  faults.push(...tolerationFaults(`${field}.tolerations`, spec.tolerations));
  faults.push(...spreadFaults(`${field}.topologySpreadConstraints`, spec.topologySpreadConstraints));
  faults.push(...securityFaults(`${field}.securityContext`, spec));
  faults.push(...nameFaults(field, spec), ...gateFaults(field, spec));
  if (
    spec.activeDeadlineSeconds !== undefined &&
    (spec.activeDeadlineSeconds < 1 || spec.activeDeadlineSeconds > 2147483647)
  ) {
    const why = "must be between 1 and 2147483647, inclusive";
    faults.push(invalid(`${field}.activeDeadlineSeconds`, spec.activeDeadlineSeconds, why));
  }
  if (spec.terminationGracePeriodSeconds !== undefined && spec.terminationGracePeriodSeconds < 0) {
    const why = "must be greater than or equal to 0";
    faults.push(invalid(`${field}.terminationGracePeriodSeconds`, spec.terminationGracePeriodSeconds, why));
  }
  return faults;
}

function nameFaults(field: string, spec: PodSpec): FieldError[] {
  const faults: FieldError[] = [];
  for (const name of ["hostname", "subdomain"] as const) {
    if (spec[name])
      faults.push(...dnsLabelFaults(spec[name]).map((why) => invalid(`${field}.${name}`, spec[name], why)));
  }
  for (const name of ["nodeName", "serviceAccountName", "priorityClassName", "runtimeClassName"] as const) {
    if (spec[name])
      faults.push(...dnsSubdomainFaults(spec[name]).map((why) => invalid(`${field}.${name}`, spec[name], why)));
  }
  for (const [index, alias] of (spec.hostAliases ?? []).entries()) {
    const at = `${field}.hostAliases[${index}]`;
    if (isIP(alias.ip ?? "") === 0) faults.push(badAddress(`${at}.ip`, alias.ip ?? ""));
    for (const [place, name] of (alias.hostnames ?? []).entries()) {
      faults.push(...dnsSubdomainFaults(name).map((why) => invalid(`${at}.hostnames[${place}]`, name, why)));
    }
  }
  return faults;
}

/** The fault of a text that should be an IP address. */
export function badAddress(field: string, value: string): FieldError {
  return invalid(field, value, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
}

function gateFaults(field: string, spec: PodSpec): FieldError[] {
  const faults: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, gate] of (spec.schedulingGates ?? []).entries()) {
    const at = `${field}.schedulingGates[${index}]`;
    faults.push(...qualifiedNameFaults(gate.name ?? "").map((why) => invalid(at, gate.name, why)));
    if (seen.has(gate.name)) faults.push(duplicate(at, gate.name));
    seen.add(gate.name);
  }
  for (const [index, gate] of (spec.readinessGates ?? []).entries()) {
    const at = `${field}.readinessGates[${index}].conditionType`;
    faults.push(...qualifiedNameFaults(gate.conditionType ?? "").map((why) => invalid(at, gate.conditionType, why)));
  }
  return faults;
}

function dnsFaults(field: string, spec: PodSpec): FieldError[] {
  const policies = ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"];
  const faults = oneOf(`${field}.dnsPolicy`, spec.dnsPolicy, policies);
  const at = `${field}.dnsConfig`;
  const servers = spec.dnsConfig?.nameservers ?? [];
  if (spec.dnsPolicy === "None" && servers.length === 0) {
    faults.push(required(`${at}.nameservers`, "must provide at least one DNS nameserver when `dnsPolicy` is None"));
  }
  if (servers.length > 3) faults.push(invalid(`${at}.nameservers`, servers, "must not have more than 3 nameservers"));
  for (const [index, server] of servers.entries()) {
    if (isIP(server) === 0) faults.push(badAddress(`${at}.nameservers[${index}]`, server));
  }
  const searches = spec.dnsConfig?.searches ?? [];
  if (searches.length > 32) faults.push(invalid(`${at}.searches`, searches, "must not have more than 32 search paths"));
  for (const [index, option] of (spec.dnsConfig?.options ?? []).entries()) {
    if (!option.name) faults.push(required(`${at}.options[${index}]`, "must not be empty"));
  }
  return faults;
}

/** Sysctls have words of small letters between dots or slashes. */
const SYSCTL = /^([a-z0-9][-_a-z0-9]*[a-z0-9]?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;

function securityFaults(field: string, spec: PodSpec): FieldError[] {
  const context = spec.securityContext;
  const faults: FieldError[] = [];
  if (spec.shareProcessNamespace && spec.hostPID) {
    faults.push(
      invalid(
        field.replace(/securityContext$/, "shareProcessNamespace"),
        true,
        "ShareProcessNamespace and HostPID cannot both be enabled",
      ),
    );
  }
  if (context === undefined) return faults;
  for (const name of ["runAsUser", "runAsGroup", "fsGroup"] as const) {
    faults.push(...userFaults(`${field}.${name}`, context[name]));
  }
  for (const [index, group] of (context.supplementalGroups ?? []).entries()) {
    faults.push(...userFaults(`${field}.supplementalGroups[${index}]`, group));
  }
  faults.push(...oneOf(`${field}.fsGroupChangePolicy`, context.fsGroupChangePolicy, ["Always", "OnRootMismatch"]));
  faults.push(...oneOf(`${field}.supplementalGroupsPolicy`, context.supplementalGroupsPolicy, ["Merge", "Strict"]));
  faults.push(...profileFaults(`${field}.seccompProfile`, context.seccompProfile));
  const seen = new Set<string>();
  for (const [index, sysctl] of (context.sysctls ?? []).entries()) {
    const at = `${field}.sysctls[${index}].name`;
    if (!sysctl.name) faults.push(required(at));
    else if (sysctl.name.length > 253 || !SYSCTL.test(sysctl.name)) {
      const why =
        "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
      faults.push(invalid(at, sysctl.name, why));
    } else if (seen.has(sysctl.name)) faults.push(duplicate(at, sysctl.name));
    seen.add(sysctl.name);
  }
  return faults;
}

/** Faults of a template at `field` ("spec.template") whose pods are restarted as the kind asks ("Always"). */
export function podTemplateFaults(
  field: string,
  template: PodTemplateSpec | undefined,
  restartPolicies?: readonly string[],
): FieldError[] {
  const faults = labelFaults(`${field}.labels`, template?.metadata?.labels);
  faults.push(...annotationFaults(`${field}.annotations`, template?.metadata?.annotations));
  faults.push(...podSpecFaults(`${field}.spec`, template?.spec));
  const policy = template?.spec?.restartPolicy;
  if (restartPolicies !== undefined && policy !== undefined && !restartPolicies.includes(policy)) {
    faults.push(notSupported(`${field}.spec.restartPolicy`, policy, restartPolicies));
  }
  if ((template?.spec?.ephemeralContainers ?? []).length > 0) {
    faults.push(forbidden(`${field}.spec.ephemeralContainers`, "ephemeral containers not allowed in pod template"));
  }
  return faults;
}
