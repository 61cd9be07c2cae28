/** Expressions as trees. */

import { ExpressionError, syntaxError, type Token, tokensOf } from "./tokens.ts";
import type { Value } from "./values.ts";

export type Node =
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "name"; readonly name: string; readonly at: number }
  | { readonly kind: "list"; readonly items: readonly Node[] }
  | { readonly kind: "map"; readonly entries: readonly (readonly [Node, Node])[] }
  | { readonly kind: "member"; readonly of: Node; readonly name: string; readonly optional: boolean }
  | { readonly kind: "index"; readonly of: Node; readonly index: Node; readonly optional: boolean }
  | {
      readonly kind: "call";
      readonly name: string;
      readonly target: Node | undefined;
      readonly args: readonly Node[];
      readonly at: number;
    }
  | { readonly kind: "has"; readonly of: Node; readonly name: string }
  | { readonly kind: "choice"; readonly test: Node; readonly yes: Node; readonly no: Node };

/** An expression longer than this is nobody's honest rule. */
const LONGEST = 16_384;
const DEEPEST = 200;
const LEVELS: readonly (readonly string[])[] = [
  ["||"],
  ["&&"],
  ["==", "!=", "<", "<=", ">", ">=", "in"],
  ["+", "-"],
  ["*", "/", "%"],
];

/** @throws ExpressionError with the place of what is no expression */
export function parseExpression(text: string): Node {
  if (text.length > LONGEST) throw new ExpressionError(`the expression is longer than ${LONGEST} characters`);
  return new Parser(text).whole();
}

class Parser {
  private readonly tokens: readonly Token[];
  private place = 0;
  private depth = 0;

  constructor(private readonly text: string) {
    this.tokens = tokensOf(text);
  }

  whole(): Node {
    const node = this.expression();
    if (this.next.kind !== "end") throw this.unexpected();
    return node;
  }

  private get next(): Token {
    return this.tokens[this.place] as Token;
  }

  private unexpected(): ExpressionError {
    return syntaxError(this.text, this.next.at, `Syntax error: mismatched input '${this.next.text}'`);
  }

  private takes(...signs: string[]): string | undefined {
    const { kind, text } = this.next;
    const fits = (kind === "sign" || (kind === "name" && text === "in")) && signs.includes(text);
    if (fits) this.place += 1;
    return fits ? text : undefined;
  }

  private needs(sign: string): void {
    if (this.takes(sign) === undefined) throw this.unexpected();
  }

  private expression(): Node {
    this.depth += 1;
    if (this.depth > DEEPEST) throw new ExpressionError("the expression is nested too deeply");
    const test = this.binary(0);
    let node = test;
    if (this.takes("?") !== undefined) {
      const yes = this.binary(0);
      this.needs(":");
      node = { kind: "choice", test, yes, no: this.expression() };
    }
    this.depth -= 1;
    return node;
  }

  private binary(level: number): Node {
    const signs = LEVELS[level];
    if (signs === undefined) return this.unary();
    let left = this.binary(level + 1);
    for (;;) {
      const { at } = this.next;
      const sign = this.takes(...signs);
      if (sign === undefined) return left;
      left = { kind: "call", name: sign, target: undefined, args: [left, this.binary(level + 1)], at };
    }
  }

  private unary(): Node {
    const { at } = this.next;
    const sign = this.takes("!", "-");
    if (sign === undefined) return this.member();
    const inner = this.unary();
    if (sign === "-" && inner.kind === "value" && typeof inner.value === "bigint")
      return { kind: "value", value: -inner.value };
    if (sign === "-" && inner.kind === "value" && typeof inner.value === "number")
      return { kind: "value", value: -inner.value };
    return { kind: "call", name: sign === "!" ? "!" : "negate", target: undefined, args: [inner], at };
  }

  private member(): Node {
    let node = this.primary();
    for (;;) {
      if (this.takes(".") !== undefined) {
        const optional = this.takes("?") !== undefined;
        const { text, at } = this.name();
        node =
          this.takes("(") === undefined
            ? { kind: "member", of: node, name: text, optional }
            : { kind: "call", name: text, target: node, args: this.list(")"), at };
      } else if (this.takes("[") !== undefined) {
        const optional = this.takes("?") !== undefined;
        const index = this.expression();
        this.needs("]");
        node = { kind: "index", of: node, index, optional };
      } else return node;
    }
  }

  private name(): Token {
    if (this.next.kind !== "name") throw this.unexpected();
    this.place += 1;
    return this.tokens[this.place - 1] as Token;
  }

  private list(end: string): Node[] {
    const items: Node[] = [];
    while (this.takes(end) === undefined) {
      if (items.length > 0) {
        this.needs(",");
        if (this.takes(end) !== undefined) break;
      }
      items.push(this.expression());
    }
    return items;
  }

  private primary(): Node {
    const token = this.next;
    if (this.takes("(") !== undefined) {
      const node = this.expression();
      this.needs(")");
      return node;
    }
    if (this.takes("[") !== undefined) return { kind: "list", items: this.list("]") };
    if (this.takes("{") !== undefined) return { kind: "map", entries: this.entries() };
    this.takes(".");
    this.place += 1;
    switch (token.kind) {
      case "int":
      case "uint":
        return { kind: "value", value: BigInt(token.text) };
      case "double":
        return { kind: "value", value: Number(token.text) };
      case "string":
        return { kind: "value", value: token.text };
      case "bytes":
        return { kind: "value", value: new TextEncoder().encode(token.text) };
      case "name":
        return this.named(token);
      default:
        this.place -= 1;
        throw this.unexpected();
    }
  }

  private named(token: Token): Node {
    const { text, at } = token;
    if (text === "true" || text === "false") return { kind: "value", value: text === "true" };
    if (text === "null") return { kind: "value", value: null };
    if (this.takes("(") === undefined) return { kind: "name", name: text, at };
    const args = this.list(")");
    const [first] = args;
    if (text !== "has") return { kind: "call", name: text, target: undefined, args, at };
    if (args.length !== 1 || first?.kind !== "member") {
      throw syntaxError(this.text, at, "invalid argument to has() macro");
    }
    return { kind: "has", of: first.of, name: first.name };
  }

  private entries(): (readonly [Node, Node])[] {
    const entries: (readonly [Node, Node])[] = [];
    while (this.takes("}") === undefined) {
      if (entries.length > 0) {
        this.needs(",");
        if (this.takes("}") !== undefined) break;
      }
      const key = this.expression();
      this.needs(":");
      entries.push([key, this.expression()]);
    }
    return entries;
  }
}
