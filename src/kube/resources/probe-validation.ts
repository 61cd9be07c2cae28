/** Rules for probes and lifecycle hooks. */

import type { HTTPGetAction, Lifecycle, LifecycleHandler, Probe } from "../../model/kubernetes/core.ts";
import { type FieldError, forbidden, invalid, required } from "../machinery/field-error.ts";
import { portNameFaults, portNumberFaults } from "../name-rules.ts";
import { nonNegative, oneOf } from "./common-rules.ts";

export function probeFaults(
  field: string,
  probe: Probe | undefined,
  kind: "liveness" | "readiness" | "startup",
): FieldError[] {
  if (probe === undefined) return [];
  const faults = handlerFaults(field, probe, ["exec", "httpGet", "tcpSocket", "grpc"]);
  for (const name of [
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
  ] as const) {
    faults.push(...nonNegative(`${field}.${name}`, probe[name]));
  }
  if (kind !== "readiness" && probe.successThreshold !== undefined && probe.successThreshold !== 1) {
    faults.push(invalid(`${field}.successThreshold`, probe.successThreshold, "must be 1"));
  }
  const grace = probe.terminationGracePeriodSeconds;
  if (grace !== undefined && kind === "readiness") {
    faults.push(invalid(`${field}.terminationGracePeriodSeconds`, grace, "must not be set for readinessProbes"));
  } else if (grace !== undefined && grace <= 0) {
    faults.push(invalid(`${field}.terminationGracePeriodSeconds`, grace, "must be greater than 0"));
  }
  return faults;
}

export function lifecycleFaults(field: string, lifecycle: Lifecycle | undefined): FieldError[] {
  const faults: FieldError[] = [];
  for (const name of ["postStart", "preStop"] as const) {
    const handler = lifecycle?.[name];
    if (handler !== undefined) {
      faults.push(...handlerFaults(`${field}.${name}`, handler, ["exec", "httpGet", "tcpSocket", "sleep"]));
    }
  }
  return faults;
}

function handlerFaults(field: string, handler: Probe & LifecycleHandler, kinds: readonly string[]): FieldError[] {
  const given = kinds.filter((kind) => (handler as Record<string, unknown>)[kind] !== undefined);
  if (given.length === 0) return [required(field, "must specify a handler type")];
  const faults = given
    .slice(1)
    .map((kind) => forbidden(`${field}.${kind}`, "may not specify more than 1 handler type"));
  const first = given[0];
  if (first === "exec" && (handler.exec?.command ?? []).length === 0) faults.push(required(`${field}.exec.command`));
  if (first === "httpGet" && handler.httpGet !== undefined)
    faults.push(...httpFaults(`${field}.httpGet`, handler.httpGet));
  if (first === "tcpSocket") faults.push(...portFaults(`${field}.tcpSocket.port`, handler.tcpSocket?.port));
  if (first === "grpc") faults.push(...portFaults(`${field}.grpc.port`, handler.grpc?.port));
  const seconds = handler.sleep?.seconds;
  if (first === "sleep" && seconds !== undefined && seconds < 0) {
    faults.push(invalid(`${field}.sleep`, seconds, "must be non-negative"));
  }
  return faults;
}

function httpFaults(field: string, action: HTTPGetAction): FieldError[] {
  const faults: FieldError[] = [];
  if (!action.path) faults.push(required(`${field}.path`));
  faults.push(...portFaults(`${field}.port`, action.port));
  faults.push(...oneOf(`${field}.scheme`, action.scheme, ["HTTP", "HTTPS"]));
  for (const [index, header] of (action.httpHeaders ?? []).entries()) {
    if (!/^[-A-Za-z0-9]+$/.test(header.name ?? "")) {
      const why =
        "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
      faults.push(invalid(`${field}.httpHeaders[${index}].name`, header.name ?? "", why));
    }
  }
  return faults;
}

function portFaults(field: string, port: number | string | undefined): FieldError[] {
  const why = typeof port === "string" ? portNameFaults(port) : portNumberFaults(port ?? 0);
  return why.map((one) => invalid(field, port ?? 0, one));
}
