/**
 * Objects as text. The store keeps an object without its resourceVersion (that is the revision of the write); the text is
 * kept with the object, so that lists and watches never turn an object into JSON again.
 */

import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import { freezeAll } from "./copy.ts";

const texts = new WeakMap<object, string>();

/** The text for the store: kind, apiVersion and metadata come first. */
export function storedText(object: KubeObject): string {
  const { kind, apiVersion, metadata, ...rest } = object;
  const { resourceVersion: _, ...kept } = metadata;
  return JSON.stringify({ kind, apiVersion, metadata: kept, ...rest });
}

/** Makes `object` (which it freezes) the stored object of that revision, with `text` from storedText. */
export function storedObject<T extends KubeObject>(object: T, text: string, revision: number): Stored<T> {
  object.metadata.resourceVersion = String(revision);
  texts.set(object, text);
  return freezeAll(object) as Stored<T>;
}

/** The object that `text` tells of, at that revision. */
export function parseStored(text: string, revision: number): Stored<KubeObject> {
  return storedObject(JSON.parse(text) as KubeObject, text, revision);
}

/** The same object with another resourceVersion: a deletion is told with the version of the deletion. */
export function atRevision<T extends KubeObject>(object: Stored<T>, revision: number): Stored<T> {
  const moved = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
  const text = texts.get(object);
  if (text !== undefined) texts.set(moved, text);
  return freezeAll(moved);
}

/** The text that an object was stored as, when it came from the store. */
export function textOf(object: KubeObject): string | undefined {
  return texts.get(object);
}

/** An object as JSON for clients: with its resourceVersion; without work for objects that came from the store. */
export function wireJson(object: KubeObject): string {
  const text = texts.get(object);
  if (text === undefined) return JSON.stringify(object);
  const at = `{"kind":${JSON.stringify(object.kind)},"apiVersion":"${object.apiVersion}","metadata":{`.length;
  return `${text.slice(0, at)}"resourceVersion":"${object.metadata.resourceVersion}",${text.slice(at)}`;
}
