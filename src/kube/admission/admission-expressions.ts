/** Expressions that webhooks and policies are chosen and decide by: compiled once, over the same variables. */

import { errorText } from "../../lib/errors.ts";
import { compileExpression, type Program } from "../expressions/evaluate.ts";
import { ExpressionError } from "../expressions/tokens.ts";
import { fromJson, type Value } from "../expressions/values.ts";
import type { AdmissionRequest } from "../machinery/admission.ts";
import { type FieldError, invalid, required } from "../machinery/field-error.ts";

/** What match conditions speak of. */
export const CONDITION_NAMES: readonly string[] = ["object", "oldObject", "request"];
/** What policies speak of besides. */
export const POLICY_NAMES: readonly string[] = [...CONDITION_NAMES, "params", "namespaceObject", "variables"];

const MOST = 1000;
const programs = new Map<string, Program>();

/** @throws ExpressionError */
export function programOf(text: string, names: readonly string[]): Program {
  const key = `${names.length}\n${text}`;
  let program = programs.get(key);
  if (program === undefined) {
    program = compileExpression(text, names);
    if (programs.size >= MOST) programs.clear();
    programs.set(key, program);
  }
  return program;
}

/** What is wrong with the text of an expression that an object gives. */
export function expressionFaults(field: string, text: string | undefined, names: readonly string[]): FieldError[] {
  if (!text) return [required(field)];
  try {
    programOf(text, names);
    return [];
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return [invalid(field, text, `compilation failed: ${error.message}`)];
  }
}

/** What a write looks like to expressions. */
export function requestValues({
  object,
  before,
  type,
  subresource,
  user,
  ...request
}: AdmissionRequest): Record<string, Value> {
  const { group, version, kind, resource } = type;
  return {
    object: fromJson(object ?? null),
    oldObject: fromJson(before ?? null),
    request: fromJson({
      kind: { group, version, kind },
      resource: { group, version, resource },
      subResource: subresource ?? "",
      name: request.name,
      namespace: request.namespace ?? "",
      operation: request.operation,
      userInfo: { username: user.name, uid: user.uid ?? "", groups: [...user.groups], extra: user.extra ?? {} },
      dryRun: request.dryRun,
    }),
  };
}

/** True when all conditions hold. @throws Error in words when one cannot be computed and none is false */
export function conditionsHold(
  conditions: readonly { name: string; expression: string }[],
  values: Readonly<Record<string, Value>>,
  names: readonly string[],
): boolean {
  let failure: Error | undefined;
  for (const { name, expression } of conditions) {
    try {
      if (programOf(expression, names).evaluate(values) !== true) return false;
    } catch (error) {
      failure ??= new Error(`match condition ${JSON.stringify(name)}: ${errorText(error)}`);
    }
  }
  if (failure !== undefined) throw failure;
  return true;
}
