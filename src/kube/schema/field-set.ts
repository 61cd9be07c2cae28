/**
 * Sets of fields of one object, as managedFields keep them (format FieldsV1): "f:name" a field, 'k:{"name":"a"}' the item of a list with
 * this key, 'v:"x"' a value of a list that is a set, "." the thing itself beside what is in it.
 */

import { isRecord } from "./type-schema.ts";

export class FieldSet {
  /** The path itself belongs to the set. */
  member = false;
  readonly children = new Map<string, FieldSet>();

  /** @returns the set of a FieldsV1 object; an empty object is a leaf */
  static parse(fields: unknown): FieldSet {
    const set = new FieldSet();
    if (!isRecord(fields)) return set;
    for (const [element, inner] of Object.entries(fields)) {
      if (element === ".") set.member = true;
      else {
        const child = FieldSet.parse(inner);
        if (child.children.size === 0) child.member = true;
        set.children.set(element, child);
      }
    }
    return set;
  }

  /** As FieldsV1; elements in order. */
  format(): Record<string, unknown> {
    const fields: Record<string, unknown> = {};
    if (this.member && this.children.size > 0) fields["."] = {};
    for (const element of [...this.children.keys()].sort()) fields[element] = this.children.get(element)?.format();
    return fields;
  }

  /** The set under an element; made when it is not there. prune() removes those that stay empty. */
  child(element: string): FieldSet {
    let child = this.children.get(element);
    if (child === undefined) {
      child = new FieldSet();
      this.children.set(element, child);
    }
    return child;
  }

  /** Removes branches without members; answers this. */
  prune(): this {
    for (const [element, child] of this.children) if (child.prune().isEmpty()) this.children.delete(element);
    return this;
  }

  isEmpty(): boolean {
    if (this.member) return false;
    for (const child of this.children.values()) if (!child.isEmpty()) return false;
    return true;
  }

  union(other: FieldSet): FieldSet {
    const result = new FieldSet();
    result.member = this.member || other.member;
    for (const element of new Set([...this.children.keys(), ...other.children.keys()])) {
      result.children.set(element, (this.children.get(element) ?? NONE).union(other.children.get(element) ?? NONE));
    }
    return result;
  }

  /** What is in both. */
  intersect(other: FieldSet): FieldSet {
    const result = new FieldSet();
    result.member = this.member && other.member;
    for (const [element, child] of this.children) {
      const twin = other.children.get(element);
      if (twin !== undefined) result.children.set(element, child.intersect(twin));
    }
    return result.prune();
  }

  /** What is here and not in the other. */
  without(other: FieldSet): FieldSet {
    const result = new FieldSet();
    result.member = this.member && !other.member;
    for (const [element, child] of this.children) {
      result.children.set(element, child.without(other.children.get(element) ?? NONE));
    }
    return result.prune();
  }

  equals(other: FieldSet): boolean {
    return this.without(other).isEmpty() && other.without(this).isEmpty();
  }

  /** Paths of all members, each a list of elements. */
  paths(prefix: readonly string[] = []): string[][] {
    const own = this.member ? [[...prefix]] : [];
    return [...own, ...[...this.children].flatMap(([element, child]) => child.paths([...prefix, element]))];
  }
}

const NONE = new FieldSet();

/** A path as messages show it: `.spec.containers[name="web"].image`. */
export function pathText(path: readonly string[]): string {
  return path
    .map((element) => {
      const value = element.slice(2);
      if (element.startsWith("f:")) return `.${value}`;
      if (element.startsWith("v:")) return `[=${value}]`;
      const keys = Object.entries(JSON.parse(value) as Record<string, unknown>);
      return `[${keys.map(([name, key]) => `${name}=${JSON.stringify(key)}`).join(",")}]`;
    })
    .join("");
}
