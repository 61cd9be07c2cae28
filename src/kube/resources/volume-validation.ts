/** Rules for a pod's volumes. */

import type { KeyToPath, Volume, VolumeProjection } from "../../model/kubernetes/core.ts";
import { duplicate, type FieldError, forbidden, invalid, required } from "../machinery/field-error.ts";
import { dnsLabelFaults } from "../name-rules.ts";
import { oneOf } from "./common-rules.ts";
import { innerPathFaults } from "./container-validation.ts";

const HOST_PATH_TYPES = [
  "",
  "BlockDevice",
  "CharDevice",
  "Directory",
  "DirectoryOrCreate",
  "File",
  "FileOrCreate",
  "Socket",
];

export function volumesFaults(field: string, volumes: readonly Volume[] | undefined): FieldError[] {
  const faults: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, volume] of (volumes ?? []).entries()) {
    const at = `${field}[${index}]`;
    if (!volume.name) faults.push(required(`${at}.name`));
    else faults.push(...dnsLabelFaults(volume.name).map((why) => invalid(`${at}.name`, volume.name, why)));
    if (names.has(volume.name)) faults.push(duplicate(`${at}.name`, volume.name));
    names.add(volume.name);
    faults.push(...volumeFaults(at, volume));
  }
  return faults;
}

function volumeFaults(at: string, volume: Volume): FieldError[] {
  const sources = Object.keys(volume).filter((key) => key !== "name");
  if (sources.length === 0) return [required(at, "must specify a volume type")];
  const faults = sources.slice(1).map((name) => forbidden(`${at}.${name}`, "may not specify more than 1 volume type"));
  if (volume.hostPath !== undefined) {
    const { path, type } = volume.hostPath;
    if (!path) faults.push(required(`${at}.hostPath.path`));
    else if (path.split("/").includes("..")) faults.push(invalid(`${at}.hostPath.path`, path, "must not contain '..'"));
    faults.push(...oneOf(`${at}.hostPath.type`, type, HOST_PATH_TYPES));
  }
  if (volume.secret !== undefined) {
    if (!volume.secret.secretName) faults.push(required(`${at}.secret.secretName`));
    faults.push(...modeFaults(`${at}.secret.defaultMode`, volume.secret.defaultMode));
    faults.push(...itemFaults(`${at}.secret.items`, volume.secret.items));
  }
  if (volume.configMap !== undefined) {
    if (!volume.configMap.name) faults.push(required(`${at}.configMap.name`));
    faults.push(...modeFaults(`${at}.configMap.defaultMode`, volume.configMap.defaultMode));
    faults.push(...itemFaults(`${at}.configMap.items`, volume.configMap.items));
  }
  if (volume.persistentVolumeClaim !== undefined && !volume.persistentVolumeClaim.claimName) {
    faults.push(required(`${at}.persistentVolumeClaim.claimName`));
  }
  if (volume.downwardAPI !== undefined) {
    faults.push(...modeFaults(`${at}.downwardAPI.defaultMode`, volume.downwardAPI.defaultMode));
    faults.push(...downwardFaults(`${at}.downwardAPI.items`, volume.downwardAPI.items));
  }
  if (volume.emptyDir !== undefined) {
    const { medium, sizeLimit } = volume.emptyDir;
    if (sizeLimit?.startsWith("-")) {
      faults.push(forbidden(`${at}.emptyDir.sizeLimit`, "SizeLimit field must be a valid resource quantity"));
    }
    if (medium && medium !== "Memory" && !medium.startsWith("HugePages")) {
      faults.push(...oneOf(`${at}.emptyDir.medium`, medium, ["", "HugePages", "Memory"]));
    }
  }
  if (volume.projected !== undefined) {
    faults.push(...modeFaults(`${at}.projected.defaultMode`, volume.projected.defaultMode));
    faults.push(...projectionFaults(`${at}.projected.sources`, volume.projected.sources ?? []));
  }
  return faults;
}

function projectionFaults(field: string, sources: readonly VolumeProjection[]): FieldError[] {
  return sources.flatMap((source, index) => {
    const at = `${field}[${index}]`;
    const given = Object.keys(source);
    const faults = given.slice(1).map((name) => forbidden(`${at}.${name}`, "may not specify more than 1 volume type"));
    if (source.secret !== undefined) {
      if (!source.secret.name) faults.push(required(`${at}.secret.name`));
      faults.push(...itemFaults(`${at}.secret.items`, source.secret.items));
    }
    if (source.configMap !== undefined) {
      if (!source.configMap.name) faults.push(required(`${at}.configMap.name`));
      faults.push(...itemFaults(`${at}.configMap.items`, source.configMap.items));
    }
    if (source.downwardAPI !== undefined) faults.push(...downwardFaults(`${at}.downwardAPI`, source.downwardAPI.items));
    const token = source.serviceAccountToken;
    if (token !== undefined) {
      const seconds = token.expirationSeconds ?? 3600;
      if (!token.path) faults.push(required(`${at}.serviceAccountToken.path`));
      if (seconds < 600) {
        const why = "may not specify a duration less than 10 minutes";
        faults.push(invalid(`${at}.serviceAccountToken.expirationSeconds`, seconds, why));
      }
    }
    return faults;
  });
}

function itemFaults(field: string, items: readonly KeyToPath[] | undefined): FieldError[] {
  return (items ?? []).flatMap((item, index) => {
    const faults: FieldError[] = [];
    if (!item.key) faults.push(required(`${field}[${index}].key`));
    if (!item.path) faults.push(required(`${field}[${index}].path`));
    faults.push(...innerPathFaults(`${field}[${index}].path`, item.path));
    faults.push(...modeFaults(`${field}[${index}].mode`, item.mode));
    return faults;
  });
}

function downwardFaults(
  field: string,
  items: readonly { path: string; mode?: number; fieldRef?: unknown; resourceFieldRef?: unknown }[] | undefined,
): FieldError[] {
  return (items ?? []).flatMap((item, index) => {
    const at = `${field}[${index}]`;
    const faults: FieldError[] = [];
    if (!item.path) faults.push(required(`${at}.path`));
    faults.push(...innerPathFaults(`${at}.path`, item.path), ...modeFaults(`${at}.mode`, item.mode));
    if (item.fieldRef === undefined && item.resourceFieldRef === undefined) {
      faults.push(required(at, "one of fieldRef and resourceFieldRef is required"));
    } else if (item.fieldRef !== undefined && item.resourceFieldRef !== undefined) {
      faults.push(invalid(at, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"));
    }
    return faults;
  });
}

function modeFaults(field: string, mode: number | undefined): FieldError[] {
  if (mode === undefined || (mode >= 0 && mode <= 0o777)) return [];
  return [invalid(field, mode, "must be a number between 0 and 0777 (octal), both inclusive")];
}
