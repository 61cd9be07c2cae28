/** RUN --mount: its options, with their aliases and defaults. Variables are expanded when the frontend reaches the step. */
import { errorText, NaruError } from "../../lib/errors.ts";
import { findGoBool } from "../../lib/go-bool.ts";
import { goQuoted } from "../../lib/go-quote.ts";
import { commaFields } from "./comma-fields.ts";
import { suggestion } from "./suggestion.ts";

type MountKind = "bind" | "cache" | "tmpfs" | "secret" | "ssh";
type CacheSharing = "shared" | "private" | "locked";

/** A mount as written, aliases resolved. Texts are empty when not given. */
export interface RunMount {
  type: MountKind;
  from: string;
  source: string;
  target: string;
  id: string;
  /** Secrets only: the variable that gets the value. */
  env?: string;
  readOnly: boolean;
  required: boolean;
  /** Zero: no limit. */
  sizeBytes: number;
  sharing?: CacheSharing;
  mode?: number;
  uid?: number;
  gid?: number;
}

const KINDS: readonly string[] = ["bind", "cache", "tmpfs", "secret", "ssh"];
const SHARINGS: readonly string[] = ["shared", "private", "locked"];
const KEYS = [
  ...["type", "from", "source", "target", "readonly", "id", "sharing", "required", "size", "mode", "uid", "gid"],
  ...["env", "src", "dst", "destination", "ro", "rw", "readwrite"],
];
const UNITS = "bkmgtp";
const MAX_ID = 2 ** 32 - 1;

interface Draft extends RunMount {
  isReadOnlySaid: boolean;
}

/** What can be said of a mount before variables have values. @throws {NaruError} invalid */
export function checkRunMount(text: string): void {
  for (const field of fieldsOf(text)) {
    const [key, value] = cutField(field);
    if (key === "from" && value !== undefined && /\$./.test(value)) {
      throw invalid(`'${key}' doesn't support variable expansion, define alias stage instead`);
    }
  }
}

/** `expand` resolves the variables of one value. @throws {NaruError} invalid in BuildKit's words */
export function parseRunMount(text: string, expand: (value: string) => string): RunMount {
  const draft: Draft = {
    ...{ type: "bind", from: "", source: "", target: "", id: "" },
    ...{ readOnly: false, required: false, sizeBytes: 0, isReadOnlySaid: false },
  };
  for (const field of fieldsOf(text)) {
    const [key, value] = cutField(field);
    if (value === undefined) setWithoutValue(draft, key, field);
    else setOption(draft, key, expand(value), field);
  }
  const { isReadOnlySaid, ...mount } = draft;
  if (!isReadOnlySaid) mount.readOnly = mount.type !== "cache" && mount.type !== "tmpfs";
  checkCombination(mount);
  return mount;
}

/** The name of the stage or image that a mount reads, before variables are looked at (it may hold none). */
export function mountSource(text: string): string {
  let from = "";
  for (const field of fieldsOf(text)) {
    const [key, value] = cutField(field);
    if (key === "from" && value !== undefined) from = value;
  }
  return from;
}

function fieldsOf(text: string): string[] {
  try {
    return commaFields(text);
  } catch (error) {
    throw new NaruError("invalid", `failed to parse csv mounts: ${errorText(error)}`, { cause: error });
  }
}

function cutField(field: string): [string, string | undefined] {
  const equals = field.indexOf("=");
  return equals < 0
    ? [field.toLowerCase(), undefined]
    : [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
}

function setWithoutValue(draft: Draft, key: string, field: string): void {
  switch (key) {
    case "readonly":
    case "ro":
      setReadOnly(draft, true);
      return;
    case "readwrite":
    case "rw":
      setReadOnly(draft, false);
      return;
    case "required":
      setRequired(draft, key, true);
      return;
    default:
      throw invalid(`invalid field '${field}' must be a key=value pair`);
  }
}

function setOption(draft: Draft, key: string, value: string, field: string): void {
  switch (key) {
    case "type":
      draft.type = oneOf(value, KINDS, "mount type") as MountKind;
      return;
    case "from":
      draft.from = value;
      return;
    case "source":
    case "src":
      draft.source = value;
      return;
    case "target":
    case "dst":
    case "destination":
      draft.target = value;
      return;
    case "id":
      draft.id = value;
      return;
    case "env":
      draft.env = value;
      return;
    case "readonly":
    case "ro":
      setReadOnly(draft, readBool(key, value));
      return;
    case "readwrite":
    case "rw":
      setReadOnly(draft, !readBool(key, value));
      return;
    case "required":
      setRequired(draft, key, readBool(key, value));
      return;
    case "sharing":
      draft.sharing = oneOf(value, SHARINGS, "sharing value") as CacheSharing;
      return;
    case "size":
      if (draft.type !== "tmpfs") throw invalid(`unexpected key '${key}' for mount type '${draft.type}'`);
      draft.sizeBytes = readSize(key, value);
      return;
    case "mode":
      draft.mode = readNumber(value, 8, key);
      return;
    case "uid":
    case "gid":
      draft[key] = readNumber(value, 10, key);
      return;
    default:
      throw invalid(`unexpected key '${key}' in '${field}'${suggestion(key, KEYS)}`);
  }
}

function setReadOnly(draft: Draft, readOnly: boolean): void {
  draft.readOnly = readOnly;
  draft.isReadOnlySaid = true;
}

function setRequired(draft: Draft, key: string, required: boolean): void {
  if (draft.type !== "secret" && draft.type !== "ssh") {
    throw invalid(`unexpected key '${key}' for mount type '${draft.type}'`);
  }
  draft.required = required;
}

function oneOf(value: string, known: readonly string[], what: string): string {
  const lower = value.toLowerCase();
  if (known.includes(lower)) return lower;
  throw invalid(`unsupported ${what} ${goQuoted(value)}${suggestion(value, known)}`);
}

function readBool(key: string, value: string): boolean {
  const known = findGoBool(value);
  if (known === undefined) throw invalid(`invalid value for ${key}: ${value}`);
  return known;
}

function readNumber(value: string, base: 8 | 10, key: string): number {
  const digits = base === 8 ? /^[0-7]+$/ : /^[0-9]+$/;
  const number = Number.parseInt(value, base);
  if (!digits.test(value) || number > MAX_ID) throw invalid(`invalid value ${value} for ${key}`);
  return number;
}

/** "64m", "1.5g", "1024": powers of 1024. */
function readSize(key: string, value: string): number {
  const match = /^(\d+(?:\.\d+)?) ?(?:([kmgtp])?i?b?)$/i.exec(value);
  if (!match) throw invalid(`invalid value for ${key}: ${value}`);
  return Math.trunc(Number(match[1]) * 1024 ** UNITS.indexOf(match[2]?.toLowerCase() ?? "b"));
}

function checkCombination(mount: RunMount): void {
  const hasOwner = mount.type === "secret" || mount.type === "ssh" || mount.type === "cache";
  for (const key of ["mode", "uid", "gid"] as const) {
    if (!hasOwner && mount[key] !== undefined) {
      throw invalid(`${key} not allowed for ${goQuoted(mount.type)} type mounts`);
    }
  }
  if (mount.type === "secret") checkSecret(mount);
  else if (mount.env !== undefined) throw invalid(`unexpected key 'env' for mount type '${mount.type}'`);
  if (mount.sharing !== undefined && mount.type !== "cache") {
    throw invalid(`invalid cache sharing set for ${mount.type} mount`);
  }
}

function checkSecret(mount: RunMount): void {
  if (mount.from !== "") throw invalid("secret mount should not have a from");
  if (mount.sharing !== undefined) throw invalid("secret mount should not define sharing");
  if (mount.source === "" && mount.target === "" && mount.id === "") {
    throw invalid("invalid secret mount. one of source, target required");
  }
  if (mount.source !== "" && mount.id !== "") throw invalid("both source and id can't be set");
}

function invalid(message: string): NaruError {
  return new NaruError("invalid", message);
}
