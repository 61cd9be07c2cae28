/** Rules that schemas of custom resources state as expressions (x-kubernetes-validations). */

import type { JSONSchemaProps, ValidationRule } from "../../../model/kubernetes/apiextensions.ts";
import { compileExpression, type Program } from "../../expressions/evaluate.ts";
import { ExpressionError } from "../../expressions/tokens.ts";
import { fromJson, Optional, type Value } from "../../expressions/values.ts";
import { type FieldError, type FieldErrorReason, forbidden, invalid, required } from "../../machinery/field-error.ts";
import { isRecord } from "../type-schema.ts";
import { additionalOf, itemsOf } from "./structural-schema.ts";

const NAMES = ["self", "oldSelf"];
const REASONS: readonly string[] = [
  "FieldValueInvalid",
  "FieldValueForbidden",
  "FieldValueRequired",
  "FieldValueDuplicate",
];

interface CompiledRule {
  readonly rule: ValidationRule;
  readonly test: Program;
  readonly message: Program | undefined;
}
const compiled = new WeakMap<JSONSchemaProps, readonly CompiledRule[]>();

const rulesOf = (schema: JSONSchemaProps): readonly ValidationRule[] => schema["x-kubernetes-validations"] ?? [];

/**
 * Faults of the rules of one place of a schema themselves. `isFollowed`: the same value can be found in the old object, which rules about
 * changes (oldSelf) need; items of lists without keys cannot.
 */
export function ruleDefinitionFaults(schema: JSONSchemaProps, at: string, isFollowed: boolean): FieldError[] {
  return rulesOf(schema).flatMap((rule, index) => {
    const place = `${at}.x-kubernetes-validations[${index}]`;
    if (!rule.rule) return [required(`${place}.rule`, "rule is not specified")];
    const faults: FieldError[] = [];
    if (rule.reason !== undefined && !REASONS.includes(rule.reason)) {
      faults.push(invalid(`${place}.reason`, rule.reason, "not a reason that a rule can give"));
    }
    for (const name of ["rule", "messageExpression"] as const) {
      const text = rule[name];
      if (text === undefined) continue;
      try {
        const { uses } = compileExpression(text, NAMES);
        if (name === "rule" && uses.has("oldSelf") && !isFollowed) {
          const why = "oldSelf cannot be used on the uncorrelatable portion of the schema";
          faults.push(invalid(`${place}.rule`, text, why));
        }
      } catch (error) {
        if (!(error instanceof ExpressionError)) throw error;
        faults.push(invalid(`${place}.${name}`, text, `compilation failed: ${error.message}`));
      }
    }
    return faults;
  });
}

/** Faults of a value by the rules of its schema, at all depths. `before` is what stood there; undefined: nothing. */
export function ruleFaults(schema: JSONSchemaProps, value: unknown, before: unknown, at: string): FieldError[] {
  const faults = rulesOf(schema).length === 0 ? [] : ownFaults(schema, value, before, at);
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (items === undefined) return faults;
    const keys = schema["x-kubernetes-list-type"] === "map" ? (schema["x-kubernetes-list-map-keys"] ?? []) : [];
    for (const [index, item] of value.entries()) {
      faults.push(...ruleFaults(items, item, sameItem(item, before, keys), `${at}[${index}]`));
    }
  } else if (isRecord(value)) {
    const additional = additionalOf(schema);
    for (const [name, member] of Object.entries(value)) {
      const inner = schema.properties?.[name] ?? (additional === true ? undefined : additional);
      const old = isRecord(before) ? before[name] : undefined;
      if (inner !== undefined) faults.push(...ruleFaults(inner, member, old, at === "" ? name : `${at}.${name}`));
    }
  }
  return faults;
}

/** The item of the old list with the same keys. */
function sameItem(item: unknown, before: unknown, keys: readonly string[]): unknown {
  if (!Array.isArray(before) || !isRecord(item) || keys.length === 0) return undefined;
  return before.find((one) => isRecord(one) && keys.every((key) => one[key] === item[key]));
}

function ownFaults(schema: JSONSchemaProps, value: unknown, before: unknown, at: string): FieldError[] {
  const names: Record<string, Value> = { self: toValue(schema, value) };
  const old = before === undefined ? undefined : toValue(schema, before);
  return programsOf(schema).flatMap((one) => {
    if (one.rule.optionalOldSelf) names.oldSelf = new Optional(old);
    else if (old !== undefined) names.oldSelf = old;
    else if (one.test.uses.has("oldSelf")) return [];
    try {
      return one.test.evaluate(names) === true ? [] : [fault(schema, one, names, at)];
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      const why = `failed rule: ${one.rule.rule}: ${error.message}`;
      return [invalid(at || "<nil>", schema.type ?? "object", why)];
    }
  });
}

function programsOf(schema: JSONSchemaProps): readonly CompiledRule[] {
  let programs = compiled.get(schema);
  if (programs === undefined) {
    programs = rulesOf(schema).map((rule) => ({
      rule,
      test: compileExpression(rule.rule, NAMES),
      message: rule.messageExpression === undefined ? undefined : compileExpression(rule.messageExpression, NAMES),
    }));
    compiled.set(schema, programs);
  }
  return programs;
}

function fault(
  schema: JSONSchemaProps,
  { rule, message }: CompiledRule,
  names: Record<string, Value>,
  at: string,
): FieldError {
  const words = spoken(message, names) ?? rule.message ?? `failed rule: ${rule.rule}`;
  const field = `${at}${rule.fieldPath ?? ""}`.replace(/^\./, "") || "<nil>";
  switch (rule.reason as FieldErrorReason | undefined) {
    case "FieldValueForbidden":
      return forbidden(field, words);
    case "FieldValueRequired":
      return required(field, words);
    case "FieldValueDuplicate":
      return {
        reason: "FieldValueDuplicate",
        field,
        message: `Duplicate value: ${JSON.stringify(schema.type ?? "object")}: ${words}`,
      };
    default:
      return invalid(field, schema.type ?? "object", words);
  }
}

/** A message that cannot be made gives way to the plain one. */
function spoken(message: Program | undefined, names: Record<string, Value>): string | undefined {
  if (message === undefined) return undefined;
  try {
    const words = message.evaluate(names);
    return typeof words === "string" && words.trim() !== "" ? words : undefined;
  } catch (error) {
    if (error instanceof ExpressionError) return undefined;
    throw error;
  }
}

/** JSON as a value of expressions: what the schema calls a number is a fraction, also when it is whole. */
function toValue(schema: JSONSchemaProps | undefined, value: unknown): Value {
  if (schema === undefined) return fromJson(value);
  if (typeof value === "number" && schema.type === "number") return value;
  if (Array.isArray(value)) return value.map((item) => toValue(itemsOf(schema), item));
  if (!isRecord(value)) return fromJson(value);
  const additional = additionalOf(schema);
  const inner = (name: string) => schema.properties?.[name] ?? (additional === true ? undefined : additional);
  return new Map(Object.entries(value).map(([name, member]) => [name, toValue(inner(name), member)]));
}
