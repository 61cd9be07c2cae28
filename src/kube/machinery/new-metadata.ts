/** The metadata that the server gives a new object, and the parts that no client may change later. */

import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import { type Core, timestamp } from "./core.ts";

/** No vowels, so that no words come out; no digits that look like letters (as Kubernetes' own names). */
const SUFFIX_SIGNS = "bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LENGTH = 5;
const LONGEST_BASE = 63 - SUFFIX_LENGTH;

/** `base` (cut to 58) with five random signs. */
export function generatedName(base: string): string {
  let suffix = "";
  while (suffix.length < SUFFIX_LENGTH) suffix += SUFFIX_SIGNS[Math.floor(Math.random() * SUFFIX_SIGNS.length)];
  return base.slice(0, LONGEST_BASE) + suffix;
}

/** Sets uid, creation time and generation; drops what only the server may set. Changes `object`. */
export function fillNewMetadata(core: Core, object: KubeObject, namespace: string | undefined, counts: boolean): void {
  const { metadata } = object;
  delete metadata.selfLink;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.generation;
  delete metadata.resourceVersion;
  if (namespace === undefined) delete metadata.namespace;
  else metadata.namespace = namespace;
  metadata.uid = crypto.randomUUID();
  metadata.creationTimestamp = timestamp(core.now());
  if (counts) metadata.generation = 1;
}

/** Puts back what an update may not change. Changes `object`. */
export function keepSystemMetadata(object: KubeObject, before: Stored<KubeObject>): void {
  const { metadata } = object;
  const kept = before.metadata;
  metadata.name = kept.name;
  metadata.uid = kept.uid;
  metadata.creationTimestamp = kept.creationTimestamp;
  keep(metadata, kept, "namespace");
  keep(metadata, kept, "generateName");
  keep(metadata, kept, "generation");
  keep(metadata, kept, "deletionTimestamp");
  keep(metadata, kept, "deletionGracePeriodSeconds");
  delete metadata.selfLink;
}

function keep<T extends object, K extends keyof T>(target: T, source: T, key: K): void {
  if (source[key] === undefined) delete target[key];
  else target[key] = source[key];
}

/** True when something beside metadata and status differs. */
export function contentChanged(
  object: KubeObject,
  before: KubeObject,
  same: (a: unknown, b: unknown) => boolean,
): boolean {
  const strip = ({ metadata: _m, status: _s, ...rest }: KubeObject & { status?: unknown }) => rest;
  return !same(strip(object), strip(before));
}
