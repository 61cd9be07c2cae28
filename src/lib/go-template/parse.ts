import { lexTemplate, type Token } from "./lex.ts";
import { parseNumber, unquote } from "./literals.ts";
import type { CommandNode, Node, Operand, Pipe } from "./nodes.ts";
import { nodeText } from "./nodes.ts";

/** A template that cannot be parsed or executed; the message is the one that Go's text/template gives. */
export class TemplateError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TemplateError";
  }
}

/** The parsed templates of one source by name; the main one stands under `name`. */
export type TemplateSet = Map<string, Node[]>;

/** Parses `source`. `functions` are the names that may be called. Throws TemplateError. */
export function parseTemplate(name: string, source: string, functions: ReadonlySet<string>): TemplateSet {
  return new Parser(name, lexTemplate(source), functions).parse();
}

type Ending = "eof" | "end" | "else";

class Parser {
  private readonly set: TemplateSet = new Map();
  private next = 0;
  private variables: string[] = ["$"];
  private rangeDepth = 0;
  private actionLine = 0;

  constructor(
    private readonly name: string,
    private readonly tokens: Token[],
    private readonly functions: ReadonlySet<string>,
  ) {}

  parse(): TemplateSet {
    const nodes: Node[] = [];
    for (;;) {
      const { ending, token } = this.parseList(nodes, true);
      if (ending === "eof") break;
      this.fail(`unexpected ${ending === "end" ? "{{end}}" : "{{else}}"}`, token);
    }
    this.set.set(this.name, nodes);
    return this.set;
  }

  /** Parses up to `{{end}}`, `{{else}}` (whose token and the rest of it are left to the caller) or the end. */
  private parseList(nodes: Node[], isTop = false): { ending: Ending; token: Token } {
    for (;;) {
      const token = this.take();
      if (token.kind === "text") nodes.push({ kind: "text", at: token.at, text: token.text });
      else if (token.kind === "eof") {
        if (!isTop) this.fail("unexpected EOF", token);
        return { ending: "eof", token };
      } else if (token.kind === "open") {
        this.actionLine = token.line;
        const word = this.peekNonSpace();
        if (word.kind === "keyword" && (word.text === "end" || word.text === "else")) {
          this.takeNonSpace();
          if (word.text === "end") this.expectClose("end");
          return { ending: word.text, token: word };
        }
        if (isTop && word.kind === "keyword" && word.text === "define") this.parseDefine();
        else nodes.push(...this.parseAction());
      } else this.unexpected(token, "input");
    }
  }

  private parseDefine(): void {
    const context = "define clause";
    this.takeNonSpace();
    const name = this.parseName(context);
    this.expectClose(context);
    this.set.set(name, this.parseBody(context));
  }

  /** The nodes of a define or block clause: a scope of its own, closed by `{{end}}`. */
  private parseBody(context: string): Node[] {
    const { variables, rangeDepth } = this;
    this.variables = ["$"];
    this.rangeDepth = 0;
    const nodes: Node[] = [];
    const { ending, token } = this.parseList(nodes);
    if (ending !== "end") this.fail(`unexpected {{else}} in ${context}`, token);
    this.variables = variables;
    this.rangeDepth = rangeDepth;
    return nodes;
  }

  /** The name after the keyword `define`, `block` or `template`. */
  private parseName(context: string): string {
    const token = this.takeNonSpace();
    if (token.kind !== "string" && token.kind !== "raw-string") this.unexpected(token, context);
    return this.unquoted(token);
  }

  private parseAction(): Node[] {
    const word = this.peekNonSpace();
    if (word.kind === "keyword") {
      switch (word.text) {
        case "if":
        case "with":
        case "range":
          this.takeNonSpace();
          return [this.parseControl(word.text, word.at)];
        case "block":
          this.takeNonSpace();
          return [this.parseBlock(word)];
        case "template":
          this.takeNonSpace();
          return [this.parseTemplateCall()];
        case "break":
        case "continue":
          this.takeNonSpace();
          return [this.parseLoopExit(word, word.text)];
        case "define":
          this.unexpected(word, "command");
      }
    }
    const at = word.at;
    const pipe = this.parsePipe("command", "close", true);
    return [{ kind: "action", at, pipe }];
  }

  private parseControl(kind: "if" | "with" | "range", at: number): Node {
    const scope = this.variables.length;
    const pipe = this.parsePipe(kind, "close", true);
    if (kind === "range") this.rangeDepth++;
    const body: Node[] = [];
    const { ending, token } = this.parseList(body);
    if (kind === "range") this.rangeDepth--;
    let otherwise: Node[] | undefined;
    if (ending === "else") otherwise = this.parseElse(kind, token);
    this.variables.length = scope;
    return { kind, at, pipe, body, otherwise } as Node;
  }

  /** What follows `{{else`: a plain else, or `else if` / `else with`, which nests one more control. */
  private parseElse(kind: string, elseToken: Token): Node[] {
    const token = this.peekNonSpace();
    if (token.kind === "keyword" && token.text === kind && (kind === "if" || kind === "with")) {
      this.takeNonSpace();
      return [this.parseControl(kind, token.at)];
    }
    this.expectClose("else");
    const nodes: Node[] = [];
    const { ending, token: last } = this.parseList(nodes);
    if (ending !== "end") this.fail(`expected end; found {{else}}`, last ?? elseToken);
    return nodes;
  }

  private parseBlock(word: Token): Node {
    const context = "block clause";
    const name = this.parseName(context);
    const pipe = this.parsePipe(context, "close", true);
    this.set.set(name, this.parseBody(context));
    return { kind: "template", at: word.at, name, pipe };
  }

  private parseTemplateCall(): Node {
    const context = "template clause";
    const { at } = this.peekNonSpace();
    const name = this.parseName(context);
    if (this.peekNonSpace().kind === "close") {
      this.takeNonSpace();
      return { kind: "template", at, name, pipe: undefined };
    }
    return { kind: "template", at, name, pipe: this.parsePipe(context, "close", true) };
  }

  private parseLoopExit(word: Token, kind: "break" | "continue"): Node {
    const token = this.takeNonSpace();
    if (token.kind !== "close") this.unexpected(token, `{{${kind}}}`);
    if (this.rangeDepth === 0) this.fail(`{{${kind}}} outside {{range}}`, word);
    return { kind, at: word.at };
  }

  private parsePipe(context: string, end: "close" | "right-paren", mayDeclare: boolean): Pipe {
    const at = this.peekNonSpace().at;
    const pipe: Pipe = { kind: "pipe", at, variables: [], isAssignment: false, commands: [] };
    if (mayDeclare) this.parseDeclarations(pipe, context);
    for (;;) {
      const token = this.takeNonSpace();
      if (token.kind === end) {
        this.checkPipe(pipe, context, token);
        return pipe;
      }
      const starts = [
        "bool",
        "char-constant",
        "identifier",
        "number",
        "field",
        "raw-string",
        "string",
        "variable",
        "left-paren",
      ];
      if (starts.includes(token.kind) || (token.kind === "keyword" && (token.text === "." || token.text === "nil"))) {
        this.next--;
        pipe.commands.push(this.parseCommand());
      } else this.unexpected(token, context);
    }
  }

  /** `$x :=`, `$x =`, or in range also `$i, $x :=`. */
  private parseDeclarations(pipe: Pipe, context: string): void {
    const start = this.next;
    const names: string[] = [];
    for (;;) {
      const variable = this.takeNonSpace();
      if (variable.kind !== "variable") break;
      names.push(variable.text);
      const token = this.takeNonSpace();
      if (token.kind === "declare" || token.kind === "assign") {
        if (token.kind === "declare") this.variables.push(...names);
        pipe.variables = names;
        pipe.isAssignment = token.kind === "assign";
        return;
      }
      if (token.kind === "char" && token.text === "," && context === "range" && names.length < 2) {
        const following = this.peekNonSpace();
        if (following.kind !== "variable") this.fail("range can only initialize variables", following);
        continue;
      }
      if (token.kind === "char" && token.text === ",") this.fail(`too many declarations in ${context}`, token);
      break;
    }
    this.next = start;
  }

  private checkPipe(pipe: Pipe, context: string, token: Token): void {
    if (pipe.commands.length === 0) this.fail(`missing value for ${context}`, token);
    for (const [index, command] of pipe.commands.slice(1).entries()) {
      const kind = command.args[0]?.kind;
      if (kind && ["bool", "dot", "nil", "number", "string"].includes(kind)) {
        this.fail(`non executable command in pipeline stage ${index + 2}`, token);
      }
    }
  }

  private parseCommand(): CommandNode {
    const args: Operand[] = [];
    const at = this.peekNonSpace().at;
    for (;;) {
      const operand = this.parseOperand();
      if (operand) args.push(operand);
      const token = this.take();
      if (token.kind === "space") continue;
      if (token.kind === "right-paren" || token.kind === "close") this.next--;
      else if (token.kind !== "pipe") this.unexpected(token, "operand");
      break;
    }
    if (args.length === 0) this.fail("empty command");
    return { kind: "command", at, args };
  }

  private parseOperand(): Operand | undefined {
    const node = this.parseTerm();
    if (node === undefined) return undefined;
    if (this.peek().kind !== "field") return node;
    const at = this.peek().at;
    const fields: string[] = [];
    while (this.peek().kind === "field") fields.push(this.take().text.slice(1));
    if (node.kind === "field") return { kind: "field", at, fields: [...node.fields, ...fields] };
    if (node.kind === "variable") return { ...node, at, fields: [...node.fields, ...fields] };
    if (["bool", "string", "number", "nil", "dot"].includes(node.kind)) {
      this.fail(`unexpected . after term ${JSON.stringify(nodeText(node))}`);
    }
    return { kind: "chain", at, operand: node, fields };
  }

  private parseTerm(): Operand | undefined {
    const token = this.takeNonSpace();
    const { at, text } = token;
    switch (token.kind) {
      case "identifier":
        if (!this.functions.has(text)) this.fail(`function ${JSON.stringify(text)} not defined`, token);
        return { kind: "identifier", at, name: text };
      case "variable":
        if (!this.variables.includes(text)) this.fail(`undefined variable ${JSON.stringify(text)}`, token);
        return { kind: "variable", at, name: text, fields: [] };
      case "field":
        return { kind: "field", at, fields: [text.slice(1)] };
      case "bool":
        return { kind: "bool", at, value: text === "true" };
      case "number":
      case "char-constant":
        return { kind: "number", at, text, value: this.numberOf(token) };
      case "string":
      case "raw-string":
        return { kind: "string", at, text, value: this.unquoted(token) };
      case "left-paren":
        return this.parsePipe("parenthesized pipeline", "right-paren", false);
      case "keyword":
        if (text === ".") return { kind: "dot", at };
        if (text === "nil") return { kind: "nil", at };
    }
    this.next--;
    return undefined;
  }

  private numberOf(token: Token): number {
    const value = parseNumber(token.text);
    if (value === undefined) this.fail(`illegal number syntax: ${JSON.stringify(token.text)}`, token);
    return value;
  }

  private unquoted(token: Token): string {
    const text = unquote(token.text);
    if (text === undefined) this.fail("invalid syntax", token);
    return text;
  }

  private expectClose(context: string): void {
    const token = this.takeNonSpace();
    if (token.kind !== "close") this.unexpected(token, context);
  }

  private peek(): Token {
    return this.tokens[Math.min(this.next, this.tokens.length - 1)]!;
  }

  private take(): Token {
    const token = this.peek();
    this.next++;
    return token;
  }

  private peekNonSpace(): Token {
    while (this.peek().kind === "space") this.next++;
    return this.peek();
  }

  private takeNonSpace(): Token {
    this.peekNonSpace();
    return this.take();
  }

  private unexpected(token: Token, context: string): never {
    if (token.kind !== "error") this.fail(`unexpected ${tokenText(token)} in ${context}`, token);
    const started = this.actionLine !== 0 && this.actionLine !== token.line;
    const where = started ? ` in action started at ${this.name}:${this.actionLine}` : "";
    this.fail(token.text + (token.text.endsWith(" action") ? where.replace(" in action", "") : where), token);
  }

  private fail(message: string, token: Token = this.peek()): never {
    throw new TemplateError(`template: ${this.name}:${token.line}: ${message}`);
  }
}

function tokenText(token: Token): string {
  if (token.kind === "eof") return "EOF";
  if (token.kind === "keyword") return `<${token.text}>`;
  return token.text.length > 10 ? `${JSON.stringify(token.text.slice(0, 10))}...` : JSON.stringify(token.text);
}
