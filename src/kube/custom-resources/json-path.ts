/** The part of kubectl's JSONPath that definitions of custom resources use for columns and selectable fields. */

type Step =
  | { readonly kind: "member"; readonly name: string }
  | { readonly kind: "index"; readonly at: number }
  | { readonly kind: "all" }
  | { readonly kind: "filter"; readonly path: readonly Step[]; readonly operator: string; readonly value: unknown };

/** Every value that a path leads to. */
type JsonPath = (value: unknown) => unknown[];

const MEMBER = /^\.?([A-Za-z0-9_$-](?:[A-Za-z0-9_$-]|\\\.)*)/;
const QUOTED = /^\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]/;
const INDEX = /^\[(-?\d+)\]/;
const ALL = /^(?:\[\*\]|\.\*)/;
const FILTER =
  /^\[\?\(\s*@((?:\.[A-Za-z0-9_$-]+|\[[^\]]*\])+)\s*(?:(==|!=|<=|>=|<|>)\s*("[^"]*"|'[^']*'|-?\d+(?:\.\d+)?|true|false))?\s*\)\]/;

/** @throws Error in words when the path cannot be understood */
export function parseJsonPath(text: string): JsonPath {
  const steps = parseSteps(text.startsWith("{") && text.endsWith("}") ? text.slice(1, -1) : text);
  return (value) => walk([value], steps);
}

function parseSteps(text: string): Step[] {
  const steps: Step[] = [];
  let rest = text.startsWith("$") ? text.slice(1) : text;
  while (rest !== "") {
    const [step, length] = parseStep(rest);
    if (step === undefined) throw new Error(`cannot understand ${JSON.stringify(rest)} in ${JSON.stringify(text)}`);
    steps.push(step);
    rest = rest.slice(length);
  }
  return steps;
}

function parseStep(rest: string): [Step | undefined, number] {
  let match = ALL.exec(rest);
  if (match) return [{ kind: "all" }, match[0].length];
  match = INDEX.exec(rest);
  if (match) return [{ kind: "index", at: Number(match[1]) }, match[0].length];
  match = QUOTED.exec(rest);
  if (match) return [{ kind: "member", name: (match[1] ?? match[2]!).replace(/\\(.)/g, "$1") }, match[0].length];
  match = FILTER.exec(rest);
  if (match) {
    const step: Step = {
      kind: "filter",
      path: parseSteps(match[1]!),
      operator: match[2] ?? "",
      value: literal(match[3]),
    };
    return [step, match[0].length];
  }
  match = MEMBER.exec(rest);
  if (match) return [{ kind: "member", name: match[1]!.replaceAll("\\.", ".") }, match[0].length];
  return [undefined, 0];
}

function literal(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  return /^["']/.test(text) ? text.slice(1, -1) : JSON.parse(text);
}

function walk(values: readonly unknown[], steps: readonly Step[]): unknown[] {
  return steps.reduce<unknown[]>((at, step) => at.flatMap((value) => taken(value, step)), [...values]);
}

function taken(value: unknown, step: Step): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  const members = value as Record<string, unknown>;
  switch (step.kind) {
    case "member":
      return Object.hasOwn(members, step.name) ? [members[step.name]] : [];
    case "index": {
      const item = Array.isArray(value) ? value.at(step.at) : undefined;
      return item === undefined ? [] : [item];
    }
    case "all":
      return Object.values(members);
    case "filter":
      return Object.values(members).filter((item) => walk([item], step.path).some((found) => holds(found, step)));
  }
}

function holds(found: unknown, { operator, value }: Extract<Step, { kind: "filter" }>): boolean {
  switch (operator) {
    case "":
      return true;
    case "==":
      return found === value;
    case "!=":
      return found !== value;
    case "<":
      return (found as number) < (value as number);
    case "<=":
      return (found as number) <= (value as number);
    case ">":
      return (found as number) > (value as number);
    default:
      return (found as number) >= (value as number);
  }
}
