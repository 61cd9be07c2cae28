/** Config maps and secrets: what pods are told beside their image. */

import type { ConfigMap, Secret } from "../../model/kubernetes/core.ts";
import { CONFIG_MAPS, SECRETS } from "../../model/kubernetes/names.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { type FieldError, forbidden, invalid, required, tooLong } from "../machinery/field-error.ts";
import { configKeyFaults } from "../name-rules.ts";
import { immutable } from "./common-rules.ts";

/** Bytes of all values of one object. */
const LIMIT = 1024 * 1024;

export const configMaps: ResourceDefinition<ConfigMap> = {
  type: CONFIG_MAPS,
  singular: "configmap",
  shortNames: ["cm"],
  validate(map) {
    const faults = [...keyFaults("data", map.data), ...keyFaults("binaryData", map.binaryData)];
    let size = 0;
    for (const [key, value] of Object.entries(map.data ?? {})) {
      size += Buffer.byteLength(value);
      if (map.binaryData?.[key] !== undefined)
        faults.push(invalid(`data[${key}]`, key, "duplicate of key present in binaryData"));
    }
    for (const value of Object.values(map.binaryData ?? {})) size += base64Size(value);
    if (size > LIMIT) faults.push(tooLong("", LIMIT));
    return faults;
  },
  validateUpdate(map, before) {
    if (before.immutable !== true) return [];
    const faults: FieldError[] = [];
    if (map.immutable !== true) faults.push(forbidden("immutable", "field is immutable when `immutable` is set"));
    for (const name of ["data", "binaryData"] as const) {
      if (!Bun.deepEquals(map[name] ?? {}, before[name] ?? {})) {
        faults.push(forbidden(name, "field is immutable when `immutable` is set"));
      }
    }
    return faults;
  },
};

function keyFaults(field: string, data: Record<string, string> | undefined): FieldError[] {
  return Object.keys(data ?? {}).flatMap((key) =>
    configKeyFaults(key).map((why) => invalid(`${field}[${key}]`, key, why)),
  );
}

function base64Size(text: string): number {
  return Math.floor((text.replace(/=+$/, "").length * 3) / 4);
}

/** Keys that a secret of a type must have. */
const TYPES: Record<string, readonly string[]> = {
  "kubernetes.io/dockercfg": [".dockercfg"],
  "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
  "kubernetes.io/ssh-auth": ["ssh-privatekey"],
  "kubernetes.io/tls": ["tls.crt", "tls.key"],
};

export const secrets: ResourceDefinition<Secret> = {
  type: SECRETS,
  singular: "secret",
  prepareCreate: takeTexts,
  prepareUpdate(secret, before) {
    takeTexts(secret);
    // A type that is not said is the one that it had.
    secret.type ||= before.type ?? "";
  },
  defaults(secret) {
    secret.type ||= "Opaque";
  },
  validate(secret) {
    const faults = keyFaults("data", secret.data);
    let size = 0;
    for (const value of Object.values(secret.data ?? {})) size += base64Size(value);
    if (size > LIMIT) faults.push(tooLong("data", LIMIT));
    for (const key of TYPES[secret.type ?? ""] ?? []) {
      const value = secret.data?.[key];
      if (value === undefined) faults.push(required(`data[${key}]`));
      else if (key.startsWith(".docker") && !isJson(value)) {
        faults.push(invalid(`data[${key}]`, "<secret contents redacted>", "invalid character in JSON"));
      }
    }
    if (secret.type === "kubernetes.io/basic-auth" && !secret.data?.username && !secret.data?.password) {
      faults.push(required("data[username]"), required("data[password]"));
    }
    const account = secret.metadata.annotations?.["kubernetes.io/service-account.name"];
    if (secret.type === "kubernetes.io/service-account-token" && !account) {
      faults.push(required("metadata.annotations[kubernetes.io/service-account.name]"));
    }
    return faults;
  },
  validateUpdate(secret, before) {
    const faults = immutable("type", secret.type, before.type);
    if (before.immutable !== true) return faults;
    if (secret.immutable !== true) faults.push(forbidden("immutable", "field is immutable when `immutable` is set"));
    if (!Bun.deepEquals(secret.data ?? {}, before.data ?? {})) {
      faults.push(forbidden("data", "field is immutable when `immutable` is set"));
    }
    return faults;
  },
  selectableFields: { type: (secret) => secret.type ?? "" },
};

/** stringData is a convenience of clients: it is kept as data. */
function takeTexts(secret: Secret): void {
  if (secret.stringData === undefined) return;
  secret.data ??= {};
  for (const [key, text] of Object.entries(secret.stringData)) secret.data[key] = Buffer.from(text).toString("base64");
  delete secret.stringData;
}

function isJson(base64: string): boolean {
  try {
    JSON.parse(Buffer.from(base64, "base64").toString());
    return true;
  } catch {
    return false;
  }
}
