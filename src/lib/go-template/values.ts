/**
 * The values that templates see, in terms of JavaScript:
 *
 * | Go | here |
 * | --- | --- |
 * | string, bool | string, boolean |
 * | every number | number, bigint (whole numbers print as integers) |
 * | slice | array |
 * | map with string keys | plain object, printed with sorted keys |
 * | struct | GoStruct |
 * | a type with methods | GoObject |
 * | nil slice, map, pointer | GoNil |
 * | time.Time | GoTime |
 * | nil interface, JSON null | null |
 * | no value (a missing map key) | undefined |
 */
export type GoValue = unknown;

/** A struct: its fields have an order and a missing one is an error. */
export class GoStruct {
  constructor(
    /** The type's name in errors, such as `container.State`. */
    readonly typeName: string,
    readonly fields: Readonly<Record<string, GoValue>>,
    /** Fields that JSON leaves out, as Go does with empty ones that are marked `omitempty`. */
    readonly notInJson?: ReadonlySet<string>,
    /** Fields that Go calls otherwise than JSON: Go's name → the name in `fields`. */
    readonly otherNames: Readonly<Record<string, string>> = {},
  ) {}

  /** The name in `fields` of what a template calls `name`; undefined for no field. */
  fieldName(name: string): string | undefined {
    if (Object.hasOwn(this.fields, name)) return name;
    const other = Object.hasOwn(this.otherNames, name) ? this.otherNames[name]! : undefined;
    return other !== undefined && Object.hasOwn(this.fields, other) ? other : undefined;
  }
}

/** A value whose fields are computed when a template asks for them, and may take arguments (`.Label "x"`). */
export class GoObject {
  constructor(
    /** The type's name in errors, such as `*formatter.ContainerContext`. */
    readonly typeName: string,
    readonly methods: Readonly<Record<string, (...args: GoValue[]) => GoValue>>,
    /** What the function `json` prints for it. */
    readonly toJson?: () => string,
  ) {}
}

/** A nil that knows what it would be, since Go prints nil slices as `[]` and nil maps as `map[]`. */
export class GoNil {
  constructor(readonly kind: "slice" | "map" | "pointer") {}
}

/** A point in time, made from RFC 3339 text. */
export class GoTime {
  constructor(readonly text: string) {}

  /** As `fmt` prints it: `2024-05-01 12:00:00.5 +0000 UTC`. */
  toString(): string {
    const match = /^(\d+-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(this.text);
    if (!match) return this.text;
    const fraction = (match[3] ?? "").replace(/\.?0+$/, "");
    const zone = match[4] === "Z" ? "+0000 UTC" : `${match[4]!.replace(":", "")} ${match[4]!.replace(":", "")}`;
    return `${match[1]} ${match[2]}${fraction} ${zone}`;
  }

  toJSON(): string {
    return this.text;
  }
}

type GoMap = Record<string, GoValue>;

export function isMap(value: GoValue): value is GoMap {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

export function isNumber(value: GoValue): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

export function isInteger(value: GoValue): value is number | bigint {
  return typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value));
}

/** What `if`, `and`, `or`, `not` make of a value. */
export function isTrue(value: GoValue): boolean {
  if (value === undefined || value === null || value instanceof GoNil) return false;
  if (typeof value === "string" || Array.isArray(value)) return value.length > 0;
  if (isMap(value)) return Object.keys(value).length > 0;
  if (isNumber(value)) return Number(value) !== 0;
  return value !== false;
}

/** The name of a value's type, as errors and `%T` show it. */
export function typeName(value: GoValue): string {
  if (value === undefined || value === null) return "<nil>";
  if (value instanceof GoStruct || value instanceof GoObject) return value.typeName;
  if (value instanceof GoTime) return "time.Time";
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  if (isNumber(value)) return isInteger(value) ? "int" : "float64";
  if (Array.isArray(value))
    return value.length > 0 && value.every((item) => typeof item === "string") ? "[]string" : "[]interface {}";
  if (value instanceof GoNil)
    return value.kind === "slice" ? "[]string" : value.kind === "map" ? "map[string]string" : "*struct {}";
  if (typeof value === "function") return "func()";
  return isStringMap(value) ? "map[string]string" : "map[string]interface {}";
}

/** True for a map whose values are all texts; such a map's missing keys are "" for `index`. */
export function isStringMap(value: GoValue): boolean {
  return isMap(value) && Object.values(value).every((item) => typeof item === "string");
}

/** The keys of a map in the order in which Go walks it. */
export function sortedKeys(map: GoMap): string[] {
  return Object.keys(map).sort(compareBytes);
}

/** Compares texts by their UTF-8 bytes, as Go does. */
export function compareBytes(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}
