/** Requests for certificates (certificates.k8s.io/v1). Who signs them: src/kube/certificates/. */

import { errorText } from "../../lib/errors.ts";
import { readSigningRequest } from "../../lib/signing-request.ts";
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from "../../model/kubernetes/certificates.ts";
import { CERTIFICATE_SIGNING_REQUESTS } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import { timestamp } from "../machinery/core.ts";
import type { PartialUpdate, ResourceDefinition, WriteContext } from "../machinery/definition.ts";
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from "../machinery/field-error.ts";
import { qualifiedNameFaults } from "../name-rules.ts";
import { immutable } from "./common-rules.ts";
import { statusUpdate } from "./status-update.ts";

const SHORTEST_SECONDS = 600;
const USAGES = [
  "any",
  "cert sign",
  "client auth",
  "code signing",
  "content commitment",
  "crl sign",
  "data encipherment",
  "decipher only",
  "digital signature",
  "email protection",
  "encipher only",
  "ipsec end system",
  "ipsec tunnel",
  "ipsec user",
  "key agreement",
  "key encipherment",
  "microsoft sgc",
  "netscape sgc",
  "ocsp signing",
  "s/mime",
  "server auth",
  "signing",
  "timestamping",
];
const STATUS = statusUpdate<CertificateSigningRequest>();

/** Conditions alone: who may decide may not sign. */
const APPROVAL: PartialUpdate<CertificateSigningRequest> = {
  prepare(request, before, context) {
    const conditions = request.status?.conditions;
    request.spec = structuredClone(before.spec);
    request.status = { ...structuredClone(before.status), ...(conditions === undefined ? {} : { conditions }) };
    fillTimes(request, before, context);
  },
  validate: (request, before) => conditionFaults(request, before, ["Approved", "Denied"]),
};

export const certificateSigningRequests: ResourceDefinition<CertificateSigningRequest> = {
  type: CERTIFICATE_SIGNING_REQUESTS,
  singular: "certificatesigningrequest",
  shortNames: ["csr"],
  partialUpdates: {
    status: {
      prepare(request, before, context) {
        STATUS.prepare(request, before, context);
        fillTimes(request, before, context);
      },
      validate: (request, before) => conditionFaults(request, before, ["Failed"]),
    },
    approval: APPROVAL,
  },
  prepareCreate(request, { user, uid, groups, extra }) {
    request.status = {};
    if (request.spec === undefined) return;
    const { signerName, request: pem, usages, expirationSeconds } = request.spec;
    request.spec = {
      request: pem,
      signerName,
      ...(usages === undefined ? {} : { usages }),
      ...(expirationSeconds === undefined ? {} : { expirationSeconds }),
      username: user,
      groups: [...groups],
      ...(uid === undefined ? {} : { uid }),
      ...(extra === undefined ? {} : { extra: structuredClone(extra) as Record<string, string[]> }),
    };
  },
  prepareUpdate(request, before) {
    request.spec = structuredClone(before.spec);
  },
  defaults({ spec }) {
    if (spec !== undefined) spec.usages ??= ["digital signature", "key encipherment"];
  },
  validate: ({ spec }) => (spec === undefined ? [required("spec")] : specFaults(spec)),
  validateUpdate: (now, before) => immutable("spec", now.spec, before.spec),
  selectableFields: { "spec.signerName": (request) => request.spec?.signerName ?? "" },
};

function specFaults({ request, signerName, usages = [], expirationSeconds }: CertificateSigningRequest["spec"]) {
  const faults: FieldError[] = [];
  if (!signerName) faults.push(required("spec.signerName"));
  else faults.push(...qualifiedNameFaults(signerName).map((why) => invalid("spec.signerName", signerName, why)));
  try {
    readSigningRequest(Buffer.from(request ?? "", "base64").toString());
  } catch (error) {
    faults.push(invalid("spec.request", request ?? "", errorText(error)));
  }
  if (usages.length === 0) faults.push(required("spec.usages", "usages must be provided"));
  const known = new Set<string>();
  for (const [index, usage] of usages.entries()) {
    if (!USAGES.includes(usage)) faults.push(notSupported(`spec.usages[${index}]`, usage, USAGES));
    if (known.has(usage)) faults.push(duplicate(`spec.usages[${index}]`, usage));
    known.add(usage);
  }
  if (expirationSeconds !== undefined && expirationSeconds < SHORTEST_SECONDS) {
    const why = "may not specify a duration less than 600 seconds (10 minutes)";
    faults.push(invalid("spec.expirationSeconds", expirationSeconds, why));
  }
  return faults;
}

/** Conditions that clients send without times get them. */
function fillTimes(
  { status }: CertificateSigningRequest,
  before: Stored<CertificateSigningRequest>,
  { now }: WriteContext,
): void {
  const time = timestamp(now);
  for (const condition of status?.conditions ?? []) {
    const known = before.status?.conditions?.find(({ type }) => type === condition.type);
    condition.lastUpdateTime ??= time;
    condition.lastTransitionTime ??= known?.status === condition.status ? known.lastTransitionTime : time;
  }
}

/** What was decided stays decided; each subresource may decide its own. */
function conditionFaults(
  { status }: CertificateSigningRequest,
  before: Stored<CertificateSigningRequest>,
  own: readonly string[],
): FieldError[] {
  const at = "status.conditions";
  const faults: FieldError[] = [];
  const conditions = status?.conditions ?? [];
  const types = new Set<string>();
  for (const [index, { type, status: value }] of conditions.entries()) {
    if (!type) faults.push(required(`${at}[${index}].type`));
    if (types.has(type)) faults.push(duplicate(`${at}[${index}].type`, type));
    types.add(type);
    if (DECISIONS.includes(type) && value !== "True") {
      faults.push(notSupported(`${at}[${index}].status`, value, ["True"]));
    }
  }
  if (types.has("Approved") && types.has("Denied")) {
    faults.push(invalid(at, "Denied", "Approved and Denied conditions are mutually exclusive"));
  }
  const had = new Set((before.status?.conditions ?? []).map(({ type }: CertificateSigningRequestCondition) => type));
  for (const type of DECISIONS) {
    if (had.has(type) && !types.has(type))
      faults.push(forbidden(at, `updates may not remove a condition of type ${JSON.stringify(type)}`));
    if (!had.has(type) && types.has(type) && !own.includes(type)) {
      faults.push(forbidden(at, `updates may not add a condition of type ${JSON.stringify(type)}`));
    }
  }
  return faults;
}

const DECISIONS: readonly string[] = ["Approved", "Denied", "Failed"];
