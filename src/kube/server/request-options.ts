/** What the query of a request asks for, read as Kubernetes reads it. */
import type { DeleteOptions as DeleteBody } from "../../model/kubernetes/meta.ts";
import type { DeleteOptions, ListOptions, PatchOptions, PatchType, WatchOptions, WriteOptions } from "../contract.ts";
import { StatusError } from "../status.ts";
import { isTrue, type RequestAttributes } from "./request-attributes.ts";

const PATCH_TYPES: Record<string, PatchType> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
};
const PROPAGATIONS = ["Orphan", "Background", "Foreground"] as const;

/** Selectors and paging; a name in the path selects as a field selector does. */
export function listOptions(query: URLSearchParams, attributes: RequestAttributes): ListOptions {
  const match = query.get("resourceVersionMatch") || undefined;
  const resourceVersion = query.get("resourceVersion") || undefined;
  if (match !== undefined && match !== "Exact" && match !== "NotOlderThan") {
    throw invalidOption("ListOptions", "resourceVersionMatch", `Unsupported value: "${match}"`);
  }
  return {
    ...selection(query, attributes),
    ...defined("limit", wholeNumber(query, "limit", "ListOptions")),
    ...defined("continue", query.get("continue") || undefined),
    ...defined("resourceVersion", resourceVersion),
    ...(match === undefined ? {} : { resourceVersionMatch: match }),
  };
}

export function watchOptions(query: URLSearchParams, attributes: RequestAttributes): WatchOptions {
  return {
    ...selection(query, attributes),
    ...defined("resourceVersion", query.get("resourceVersion") || undefined),
    ...(query.has("sendInitialEvents") ? { sendInitialEvents: isTrue(query.get("sendInitialEvents")) } : {}),
    allowBookmarks: isTrue(query.get("allowWatchBookmarks")),
    ...defined("timeoutSeconds", wholeNumber(query, "timeoutSeconds", "ListOptions")),
  };
}

/** `agent` is the User-Agent: the manager of a write that names none. */
export function writeOptions(
  query: URLSearchParams,
  agent: string | undefined,
  kind: string,
  warn: (message: string) => void,
): WriteOptions {
  const validation = query.get("fieldValidation") || "Warn";
  if (validation !== "Strict" && validation !== "Warn" && validation !== "Ignore") {
    throw invalidOption(
      kind,
      "fieldValidation",
      `Unsupported value: "${validation}": supported values: "Ignore", "Warn", "Strict"`,
    );
  }
  return {
    dryRun: isDryRun(query.getAll("dryRun"), kind),
    fieldManager: query.get("fieldManager") || managerOf(agent),
    fieldValidation: validation,
    warn,
  };
}

/** @throws StatusError UnsupportedMediaType; Invalid for an apply without a manager */
export function patchOptions(
  query: URLSearchParams,
  contentType: string | undefined,
  subresource: string,
  write: WriteOptions,
): { type: PatchType; options: PatchOptions } {
  const media = contentType?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const type = PATCH_TYPES[media];
  if (type === undefined) {
    const list = Object.keys(PATCH_TYPES).join(", ");
    const message = `the body of the request was in an unknown format - accepted media types include: ${list}`;
    throw new StatusError("UnsupportedMediaType", message);
  }
  const force = isTrue(query.get("force"));
  if (type === "apply" && !query.get("fieldManager")) {
    throw invalidOption("PatchOptions", "fieldManager", "Required value: is required for apply patch");
  }
  if (type !== "apply" && force) {
    throw invalidOption("PatchOptions", "force", "Forbidden: may not be specified for non-apply patch");
  }
  const forced = type === "apply" ? { force } : {};
  return { type, options: { ...write, ...forced, ...(subresource === "" ? {} : { subresource }) } };
}

/** Options of a deletion come in its body, in its query, or in both: the body rules. */
export function deleteOptions(query: URLSearchParams, body: Partial<DeleteBody>): DeleteOptions {
  const policy = body.propagationPolicy ?? query.get("propagationPolicy") ?? orphaning(query, body);
  const known = PROPAGATIONS.find((name) => name === policy);
  if (policy !== undefined && known === undefined) {
    throw invalidOption(
      "DeleteOptions",
      "propagationPolicy",
      `Unsupported value: "${policy}": supported values: "Foreground", "Background", "Orphan", "nil"`,
    );
  }
  const grace = body.gracePeriodSeconds ?? wholeNumber(query, "gracePeriodSeconds", "DeleteOptions");
  return {
    ...defined("gracePeriodSeconds", grace),
    ...defined("propagationPolicy", known),
    ...defined("preconditions", body.preconditions),
    dryRun: isDryRun(body.dryRun ?? query.getAll("dryRun"), "DeleteOptions"),
  };
}

function orphaning(query: URLSearchParams, body: Partial<DeleteBody>): string | undefined {
  const orphan =
    body.orphanDependents ?? (query.has("orphanDependents") ? isTrue(query.get("orphanDependents")) : undefined);
  return orphan === undefined ? undefined : orphan ? "Orphan" : "Background";
}

function selection(query: URLSearchParams, { namespace, name }: RequestAttributes) {
  const fields = query.get("fieldSelector") || undefined;
  const named = name === "" ? undefined : `metadata.name=${name}`;
  const fieldSelector = fields !== undefined && named !== undefined ? `${named},${fields}` : (named ?? fields);
  return {
    ...(namespace === "" ? {} : { namespace }),
    ...defined("labelSelector", query.get("labelSelector") || undefined),
    ...defined("fieldSelector", fieldSelector),
  };
}

function isDryRun(values: readonly string[], kind: string): boolean {
  for (const value of values) {
    if (value !== "All") throw invalidOption(kind, "dryRun", `Unsupported value: "${value}": supported values: "All"`);
  }
  return values.length > 0;
}

/** "kubectl/v1.36.0 (linux/amd64)" is known as "kubectl". */
export function managerOf(agent: string | undefined): string {
  return agent?.split("/", 1)[0]?.trim().slice(0, 128) || "unknown";
}

function wholeNumber(query: URLSearchParams, name: string, kind: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  if (!/^-?\d+$/.test(text)) throw invalidOption(kind, name, `Invalid value: "${text}": must be a whole number`);
  return Number(text);
}

function invalidOption(kind: string, field: string, what: string): StatusError {
  return new StatusError("Invalid", `${kind}.meta.k8s.io "" is invalid: ${field}: ${what}`, {
    group: "meta.k8s.io",
    kind,
    causes: [{ reason: "FieldValueInvalid", message: what, field }],
  });
}

function defined<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]: V });
}
