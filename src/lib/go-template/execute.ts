import type { FunctionTable, ParameterType, TemplateFunction } from "./functions.ts";
import { type CommandNode, type Control, type Node, nodeText, type Operand, type Pipe } from "./nodes.ts";
import { TemplateError, type TemplateSet } from "./parse.ts";
import { plainText } from "./print.ts";
import { GoNil, GoObject, GoStruct, type GoValue, isInteger, isMap, isTrue, sortedKeys, typeName } from "./values.ts";

interface ExecuteOptions {
  /** `error` fails for a key that a map lacks; else it has no value. */
  missingKey?: "error";
}

/** Marks that a command has no value piped into it, which differs from a piped nil. */
const NONE = Symbol("no piped value");
const FITS: Record<ParameterType, (value: GoValue) => boolean> = {
  string: (value) => typeof value === "string",
  int: isInteger,
  "[]string": (value) => Array.isArray(value) || (value instanceof GoNil && value.kind === "slice"),
};
const MAX_DEPTH = 10_000;

type Outcome = "done" | "break" | "continue";
type Located = Node | Operand | CommandNode;

/** Runs the template `name` of `set` over `data`. Throws TemplateError with the words of Go's text/template. */
export function executeTemplate(
  set: TemplateSet,
  functions: FunctionTable,
  source: string,
  name: string,
  data: GoValue,
  options: ExecuteOptions = {},
): string {
  const execution = new Execution({ set, functions, source, parseName: name, options }, name, data, 0);
  execution.walkAll(set.get(name)!, data);
  return execution.output;
}

interface Program {
  set: TemplateSet;
  functions: FunctionTable;
  source: string;
  parseName: string;
  options: ExecuteOptions;
}

class Execution {
  output = "";
  private readonly variables: { name: string; value: GoValue }[];
  private node: Located | undefined;

  constructor(
    private readonly program: Program,
    private readonly name: string,
    data: GoValue,
    private readonly depth: number,
  ) {
    this.variables = [{ name: "$", value: data }];
  }

  walkAll(nodes: readonly Node[], dot: GoValue): Outcome {
    for (const node of nodes) {
      const outcome = this.walk(node, dot);
      if (outcome !== "done") return outcome;
    }
    return "done";
  }

  private walk(node: Node, dot: GoValue): Outcome {
    this.node = node;
    switch (node.kind) {
      case "text":
        this.output += node.text;
        return "done";
      case "action": {
        const value = this.evalPipe(dot, node.pipe);
        if (node.pipe.variables.length === 0) this.printValue(node, value);
        return "done";
      }
      case "if":
      case "with":
        return this.walkChoice(node, dot);
      case "range":
        return this.walkRange(node, dot);
      case "template":
        this.walkTemplate(node, dot);
        return "done";
      default:
        return node.kind;
    }
  }

  private printValue(node: Located, value: GoValue): void {
    this.node = node;
    if (typeof value === "function") this.fail(`can't print ${nodeText(node)} of type ${typeName(value)}`);
    this.output += value === undefined || value === null ? "<no value>" : plainText(value);
  }

  private walkChoice(node: Control<"if"> | Control<"with">, dot: GoValue): Outcome {
    const scope = this.variables.length;
    const value = this.evalPipe(dot, node.pipe);
    const outcome = isTrue(value)
      ? this.walkAll(node.body, node.kind === "with" ? value : dot)
      : this.walkAll(node.otherwise ?? [], dot);
    this.variables.length = scope;
    return outcome;
  }

  private walkRange(node: Control<"range">, dot: GoValue): Outcome {
    const scope = this.variables.length;
    const value = this.evalPipe(dot, node.pipe);
    const pairs = this.rangePairs(value);
    const inner = this.variables.length;
    for (const [key, item] of pairs) {
      this.setRangeVariables(node.pipe, scope, key, item);
      const outcome = this.walkAll(node.body, item);
      this.variables.length = inner;
      if (outcome === "break") break;
    }
    this.variables.length = scope;
    return pairs.length === 0 && node.otherwise ? this.walkAll(node.otherwise, dot) : "done";
  }

  private rangePairs(value: GoValue): [GoValue, GoValue][] {
    if (Array.isArray(value)) return value.map((item, index) => [index, item]);
    if (isMap(value)) return sortedKeys(value).map((key) => [key, value[key]]);
    if (value === undefined || value === null || value instanceof GoNil) return [];
    if (isInteger(value)) return Array.from({ length: Math.max(Number(value), 0) }, (_, index) => [index, index]);
    return this.fail(`range can't iterate over ${plainText(value)}`);
  }

  private setRangeVariables(pipe: Pipe, scope: number, key: GoValue, item: GoValue): void {
    const values = pipe.variables.length === 2 ? [key, item] : [item];
    for (const [index, name] of pipe.variables.entries()) {
      if (pipe.isAssignment) this.setVariable(name, values[index]);
      else this.variables[scope + index]!.value = values[index];
    }
  }

  private walkTemplate(node: Node & { kind: "template" }, dot: GoValue): void {
    const nodes = this.program.set.get(node.name);
    if (!nodes) this.fail(`template ${JSON.stringify(node.name)} not defined`);
    if (this.depth >= MAX_DEPTH) this.fail(`exceeded maximum template depth (${MAX_DEPTH})`);
    const data = node.pipe ? this.evalPipe(dot, node.pipe) : undefined;
    const inner = new Execution(this.program, node.name, data, this.depth + 1);
    inner.walkAll(nodes, data);
    this.output += inner.output;
  }

  private evalPipe(dot: GoValue, pipe: Pipe): GoValue {
    this.node = pipe;
    let value: GoValue = NONE;
    for (const command of pipe.commands) value = this.evalCommand(dot, command, value);
    for (const name of pipe.variables) {
      if (pipe.isAssignment) this.setVariable(name, value);
      else this.variables.push({ name, value });
    }
    return value;
  }

  private setVariable(name: string, value: GoValue): void {
    const variable = this.variables.findLast((candidate) => candidate.name === name);
    if (!variable) this.fail(`undefined variable: ${name}`);
    variable.value = value;
  }

  private evalCommand(dot: GoValue, command: CommandNode, piped: GoValue): GoValue {
    const first = command.args[0]!;
    switch (first.kind) {
      case "field":
        this.node = first;
        return this.evalFields(dot, dot, first, first.fields, command.args, piped);
      case "chain":
        return this.evalChain(dot, first, command.args, piped);
      case "identifier":
        return this.evalFunction(dot, first, command, command.args, piped);
      case "pipe":
        this.refuseArguments(command.args, piped);
        return this.evalPipe(dot, first);
      case "variable":
        return this.evalVariable(dot, first, command.args, piped);
    }
    this.node = first;
    this.refuseArguments(command.args, piped);
    if (first.kind === "dot") return dot;
    if (first.kind === "nil") return this.fail("nil is not a command");
    return first.value;
  }

  private refuseArguments(args: readonly Operand[], piped: GoValue): void {
    if (args.length > 1 || piped !== NONE) this.fail(`can't give argument to non-function ${nodeText(args[0]!)}`);
  }

  private evalChain(
    dot: GoValue,
    chain: Operand & { kind: "chain" },
    args: readonly Operand[],
    piped: GoValue,
  ): GoValue {
    this.node = chain;
    if (chain.operand.kind === "nil") this.fail(`indirection through explicit nil in ${nodeText(chain)}`);
    return this.evalFields(dot, this.evalArgument(dot, chain.operand), chain, chain.fields, args, piped);
  }

  private evalVariable(
    dot: GoValue,
    node: Operand & { kind: "variable" },
    args: readonly Operand[],
    piped: GoValue,
  ): GoValue {
    this.node = node;
    const variable = this.variables.findLast((candidate) => candidate.name === node.name);
    if (!variable) this.fail(`undefined variable: ${node.name}`);
    if (node.fields.length === 0) {
      this.refuseArguments(args, piped);
      return variable.value;
    }
    return this.evalFields(dot, variable.value, node, node.fields, args, piped);
  }

  private evalFields(
    dot: GoValue,
    receiver: GoValue,
    node: Operand,
    fields: readonly string[],
    args: readonly Operand[],
    piped: GoValue,
  ): GoValue {
    let value = receiver;
    for (const field of fields.slice(0, -1)) value = this.evalField(dot, value, node, field, [], NONE);
    return this.evalField(dot, value, node, fields.at(-1)!, args, piped);
  }

  private evalField(
    dot: GoValue,
    receiver: GoValue,
    node: Operand,
    field: string,
    args: readonly Operand[],
    piped: GoValue,
  ): GoValue {
    if (receiver === undefined) return undefined;
    if (receiver === null) return this.fail(`nil pointer evaluating interface {}.${field}`);
    if (receiver instanceof GoObject && Object.hasOwn(receiver.methods, field)) {
      const method = receiver.methods[field]!;
      return this.callFunction(dot, node, field, { arity: method.length, call: method }, args, piped);
    }
    const hasArguments = args.length > 1 || piped !== NONE;
    const known = receiver instanceof GoStruct ? receiver.fieldName(field) : undefined;
    if (known !== undefined) {
      if (hasArguments) this.fail(`${field} has arguments but cannot be invoked as function`);
      return (receiver as GoStruct).fields[known];
    }
    if (isMap(receiver)) {
      if (hasArguments) this.fail(`${field} is not a method but has arguments`);
      if (Object.hasOwn(receiver, field)) return receiver[field];
      if (this.program.options.missingKey) this.fail(`map has no entry for key ${JSON.stringify(field)}`);
      return undefined;
    }
    if (receiver instanceof GoNil) {
      if (receiver.kind === "map") return undefined;
      if (receiver.kind === "pointer") return this.fail(`nil pointer evaluating ${typeName(receiver)}.${field}`);
    }
    return this.fail(`can't evaluate field ${field} in type ${typeName(receiver)}`);
  }

  private evalFunction(
    dot: GoValue,
    node: Operand & { kind: "identifier" },
    command: CommandNode,
    args: readonly Operand[],
    piped: GoValue,
  ): GoValue {
    this.node = node;
    const callee = this.program.functions[node.name];
    if (!callee) return this.fail(`${JSON.stringify(node.name)} is not a defined function`);
    return this.callFunction(dot, command, node.name, callee, args, piped);
  }

  private callFunction(
    dot: GoValue,
    node: Located,
    name: string,
    callee: TemplateFunction,
    args: readonly Operand[],
    piped: GoValue,
  ): GoValue {
    const operands = args.slice(1);
    const count = operands.length + (piped === NONE ? 0 : 1);
    if (callee.variadic ? count < callee.arity : count !== callee.arity) {
      const least = callee.variadic ? "at least " : "";
      this.fail(`wrong number of args for ${name}: want ${least}${callee.arity} got ${count}`);
    }
    if (name === "and" || name === "or") return this.evalLogic(dot, name, operands, piped);
    const values = operands.map((operand, index) => this.typedArgument(dot, operand, callee.takes?.[index]));
    if (piped !== NONE) values.push(piped);
    this.node = node;
    try {
      return callee.call(...values);
    } catch (error) {
      if (error instanceof TemplateError) throw error;
      return this.fail(`error calling ${name}: ${error instanceof Error ? error.message : error}`);
    }
  }

  /** `and` and `or` leave their later arguments alone once the result is known. */
  private evalLogic(dot: GoValue, name: "and" | "or", operands: readonly Operand[], piped: GoValue): GoValue {
    let value: GoValue;
    for (const operand of operands) {
      value = this.evalArgument(dot, operand);
      if (isTrue(value) === (name === "or")) return value;
    }
    return piped === NONE ? value : piped;
  }

  /** An argument whose type the function insists on. */
  private typedArgument(dot: GoValue, operand: Operand, wanted: ParameterType | undefined): GoValue {
    const value = this.evalArgument(dot, operand);
    if (wanted === undefined || FITS[wanted](value)) return value;
    if (operand.kind === "nil") this.fail(`cannot assign nil to ${wanted}`);
    const isConstant = operand.kind === "number" || operand.kind === "string" || operand.kind === "bool";
    if (isConstant) this.fail(`expected ${wanted === "int" ? "integer" : wanted}; found ${nodeText(operand)}`);
    if (value === undefined || value === null) this.fail(`invalid value; expected ${wanted}`);
    return this.fail(`wrong type for value; expected ${wanted}; got ${typeName(value)}`);
  }

  private evalArgument(dot: GoValue, operand: Operand): GoValue {
    this.node = operand;
    switch (operand.kind) {
      case "dot":
        return dot;
      case "nil":
        return null;
      case "field":
        return this.evalFields(dot, dot, operand, operand.fields, [operand], NONE);
      case "variable":
        return this.evalVariable(dot, operand, [operand], NONE);
      case "pipe":
        return this.evalPipe(dot, operand);
      case "identifier":
        return this.evalFunction(dot, operand, { kind: "command", at: operand.at, args: [operand] }, [operand], NONE);
      case "chain":
        return this.evalChain(dot, operand, [operand], NONE);
      default:
        return operand.value;
    }
  }

  private fail(message: string): never {
    const node = this.node!;
    const before = this.program.source.slice(0, node.at);
    const line = before.split("\n").length;
    const lastNewline = before.lastIndexOf("\n");
    const column = Buffer.byteLength(before.slice(lastNewline + 1));
    const place = `${this.program.parseName}:${line}:${column}`;
    throw new TemplateError(
      `template: ${place}: executing ${JSON.stringify(this.name)} at <${nodeText(node)}>: ${message}`,
    );
  }
}
