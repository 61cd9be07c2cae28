/** Evaluates expressions. What an expression may cost is bounded: it runs on the way of a request. */

import { FUNCTIONS, METHODS } from "./functions.ts";
import { type Node, parseExpression } from "./syntax-tree.ts";
import { ExpressionError, syntaxError } from "./tokens.ts";
import { Optional, TypeName, type Value } from "./values.ts";

const COMPREHENSIONS = new Set(["all", "exists", "exists_one", "existsOne", "map", "filter"]);
const TYPES = new Set(["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"]);
/** Steps that one evaluation may take. */
const STEPS = 100_000;

interface Scope {
  readonly names: ReadonlyMap<string, Value>;
  readonly budget: { left: number };
}

export interface Program {
  /** Names that it asks for from outside. */
  readonly uses: ReadonlySet<string>;
  /** @throws ExpressionError when it cannot be evaluated for these values, or takes too long */
  evaluate(names: Readonly<Record<string, Value>>): Value;
}

/**
 * @param known the names that it may use
 * @throws ExpressionError in the words of CEL compilers: what is no expression, an unknown name or function
 */
export function compileExpression(text: string, known: readonly string[]): Program {
  const tree = parseExpression(text);
  const uses = new Set<string>();
  check(text, tree, new Set(known), uses);
  return {
    uses,
    evaluate: (names) => run(tree, { names: new Map(Object.entries(names)), budget: { left: STEPS } }),
  };
}

function isComprehension(node: Node): node is Node & { kind: "call"; target: Node } {
  return node.kind === "call" && node.target !== undefined && COMPREHENSIONS.has(node.name) && node.args.length >= 2;
}

/** Looks for names and functions that nobody knows. */
function check(text: string, node: Node, known: ReadonlySet<string>, uses: Set<string>): void {
  if (node.kind === "call") {
    checkCall(text, node, known, uses);
  } else if (node.kind === "name") {
    if (known.has(node.name)) uses.add(node.name);
    else if (!TYPES.has(node.name)) {
      throw syntaxError(text, node.at, `undeclared reference to '${node.name}' (in container '')`);
    }
  } else for (const one of partsOf(node)) check(text, one, known, uses);
}

function partsOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case "list":
      return node.items;
    case "map":
      return node.entries.flat();
    case "member":
    case "has":
      return [node.of];
    case "index":
      return [node.of, node.index];
    case "choice":
      return [node.test, node.yes, node.no];
    default:
      return [];
  }
}

function checkCall(text: string, node: Node & { kind: "call" }, known: ReadonlySet<string>, uses: Set<string>): void {
  if (isComprehension(node)) {
    const [variable, ...rest] = node.args;
    if (variable?.kind !== "name") throw syntaxError(text, node.at, "argument must be a simple name");
    check(text, node.target, known, uses);
    const within = new Set([...known, variable.name]);
    const used = new Set<string>();
    for (const one of rest) check(text, one, within, used);
    for (const name of used) if (name !== variable.name || known.has(name)) uses.add(name);
    return;
  }
  const isSpace = node.target?.kind === "name" && ["optional", "sets"].includes(node.target.name);
  const name = isSpace && node.target?.kind === "name" ? `${node.target.name}.${node.name}` : node.name;
  const exists = isSpace
    ? name in SPACES
    : node.target === undefined
      ? Object.hasOwn(FUNCTIONS, name) || name === "||" || name === "&&"
      : Object.hasOwn(METHODS, name);
  if (!exists) throw syntaxError(text, node.at, `undeclared reference to '${name}' (in container '')`);
  if (node.target !== undefined && !isSpace) check(text, node.target, known, uses);
  for (const one of node.args) check(text, one, known, uses);
}

const listOf = (value: Value | undefined): readonly Value[] => {
  if (!Array.isArray(value)) throw new ExpressionError("no such overload");
  return value;
};
const holds = (all: readonly Value[], one: Value) => FUNCTIONS.in?.([one, all]) === true;

/** Functions in a name space. */
const SPACES: Readonly<Record<string, (args: readonly Value[]) => Value>> = {
  "optional.none": () => new Optional(undefined),
  "optional.of": ([value]) => new Optional(value as Value),
  "sets.contains": ([all, some]) => listOf(some).every((one) => holds(listOf(all), one)),
  "sets.intersects": ([a, b]) => listOf(a).some((one) => holds(listOf(b), one)),
  "sets.equivalent": ([a, b]) =>
    listOf(a).every((one) => holds(listOf(b), one)) && listOf(b).every((one) => holds(listOf(a), one)),
};

function run(node: Node, scope: Scope): Value {
  scope.budget.left -= 1;
  if (scope.budget.left < 0) throw new ExpressionError("operation cancelled: actual cost limit exceeded");
  switch (node.kind) {
    case "value":
      return node.value;
    case "name":
      return scope.names.get(node.name) ?? (scope.names.has(node.name) ? null : new TypeName(node.name));
    case "list":
      return node.items.map((item) => run(item, scope));
    case "map":
      return new Map(node.entries.map(([key, value]) => [run(key, scope), run(value, scope)]));
    case "has":
      return member(run(node.of, scope), node.name) !== undefined;
    case "member":
      return select(
        run(node.of, scope),
        (value) => member(value, node.name),
        node.optional,
        `no such key: ${node.name}`,
      );
    case "index":
      return indexed(node, scope);
    case "choice":
      return truth(run(node.test, scope)) ? run(node.yes, scope) : run(node.no, scope);
    case "call":
      return call(node, scope);
  }
}

/** A member by name; in maps of custom resources names that are no identifiers are escaped ("foo__dash__bar"). */
function member(value: Value, name: string): Value | undefined {
  if (value instanceof Optional) return value.value === undefined ? undefined : member(value.value, name);
  if (!(value instanceof Map)) throw new ExpressionError(`type does not support field selection: ${name}`);
  if (value.has(name)) return value.get(name);
  return name.includes("__") ? value.get(unescapeName(name)) : undefined;
}

function unescapeName(name: string): string {
  const signs: Record<string, string> = { underscores: "__", dot: ".", dash: "-", slash: "/" };
  const plain = name.replace(/__(underscores|dot|dash|slash)__/g, (_, word: string) => signs[word] ?? "");
  return /^__[a-z]+__$/.test(plain) ? plain.slice(2, -2) : plain;
}

function select(of: Value, find: (value: Value) => Value | undefined, optional: boolean, why: string): Value {
  const isOptional = optional || of instanceof Optional;
  const found = of instanceof Optional && of.value === undefined ? undefined : find(of);
  if (isOptional) return new Optional(found);
  if (found === undefined) throw new ExpressionError(why);
  return found;
}

function indexed(node: Node & { kind: "index" }, scope: Scope): Value {
  const index = run(node.index, scope);
  const find = (value: Value): Value | undefined => {
    const inside = value instanceof Optional ? (value.value as Value) : value;
    if (inside instanceof Map) return inside.get(index);
    if (!Array.isArray(inside) || typeof index !== "bigint") throw new ExpressionError("no such overload");
    return index < 0n ? undefined : inside[Number(index)];
  };
  const why = typeof index === "bigint" ? `index out of bounds: ${index}` : `no such key: ${String(index)}`;
  return select(run(node.of, scope), find, node.optional, why);
}

function truth(value: Value): boolean {
  if (typeof value !== "boolean") throw new ExpressionError("no such overload");
  return value;
}

function call(node: Node & { kind: "call" }, scope: Scope): Value {
  if (node.name === "||" || node.name === "&&") return either(node.args, node.name === "||", scope);
  if (isComprehension(node)) return comprehension(node, scope);
  if (node.target?.kind === "name") {
    const space = SPACES[`${node.target.name}.${node.name}`];
    if (space !== undefined) return space(node.args.map((one) => run(one, scope)));
  }
  const args = (node.target === undefined ? node.args : [node.target, ...node.args]).map((one) => run(one, scope));
  const operation = (node.target === undefined ? FUNCTIONS : METHODS)[node.name];
  if (operation === undefined) throw new ExpressionError(`no such function: ${node.name}`);
  return operation(args);
}

/** "or" is true as soon as one side is, even when the other cannot be evaluated; "and" likewise false. */
function either(args: readonly Node[], decisive: boolean, scope: Scope): boolean {
  let failure: unknown;
  for (const one of args) {
    try {
      if (truth(run(one, scope)) === decisive) return decisive;
    } catch (error) {
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return !decisive;
}

function comprehension(node: Node & { kind: "call"; target: Node }, scope: Scope): Value {
  const over = run(node.target, scope);
  const items = over instanceof Map ? [...over.keys()] : Array.isArray(over) ? over : undefined;
  const [variable, first, second] = node.args;
  if (items === undefined || variable?.kind !== "name" || first === undefined)
    throw new ExpressionError("no such overload");
  const within = (item: Value, body: Node): Value =>
    run(body, { names: new Map([...scope.names, [variable.name, item]]), budget: scope.budget });
  switch (node.name) {
    case "map": {
      const chosen = second === undefined ? items : items.filter((item) => truth(within(item, first)));
      return chosen.map((item) => within(item, second ?? first));
    }
    case "filter":
      return items.filter((item) => truth(within(item, first)));
    case "exists_one":
    case "existsOne":
      return items.filter((item) => truth(within(item, first))).length === 1;
    default:
      return anyOf(items, (item) => truth(within(item, first)), node.name === "exists");
  }
}

function anyOf(items: readonly Value[], test: (item: Value) => boolean, decisive: boolean): boolean {
  let failure: unknown;
  for (const item of items) {
    try {
      if (test(item) === decisive) return decisive;
    } catch (error) {
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return !decisive;
}
