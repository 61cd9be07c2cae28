type TokenKind =
  | "text"
  | "open"
  | "close"
  | "space"
  | "field"
  | "variable"
  | "identifier"
  | "keyword"
  | "bool"
  | "number"
  | "string"
  | "raw-string"
  | "char-constant"
  | "char"
  | "pipe"
  | "declare"
  | "assign"
  | "left-paren"
  | "right-paren"
  | "eof"
  | "error";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** Offset in the template. */
  readonly at: number;
  readonly line: number;
}

const KEYWORDS = new Set([
  "block",
  "break",
  "continue",
  "define",
  "else",
  "end",
  "if",
  "nil",
  "range",
  "template",
  "with",
]);

const LETTER = /[\p{L}\p{N}_]/u;
const SPACE = /[ \t\r\n]/;

/** Splits a template into tokens as Go's text/template does; the last one is `eof` or `error`. */
export function lexTemplate(source: string): Token[] {
  return new Lexer(source).run();
}

class Lexer {
  private readonly tokens: Token[] = [];
  private at = 0;
  private line = 1;
  private parens = 0;

  constructor(private readonly source: string) {}

  run(): Token[] {
    while (this.lexText() && this.lexAction()) {}
    return this.tokens;
  }

  /** Text up to the next action. False when the template ends. */
  private lexText(): boolean {
    const { source } = this;
    const open = source.indexOf("{{", this.at);
    if (open < 0) {
      if (this.at < source.length) this.emit("text", source.length);
      this.emit("eof", this.at);
      return false;
    }
    const trims = source[open + 2] === "-" && SPACE.test(source[open + 3] ?? "");
    const text = source.slice(this.at, open);
    const kept = trims ? text.trimEnd() : text;
    if (kept !== "") this.push("text", kept, this.at);
    this.skipTo(open);
    return true;
  }

  /** One action or comment. False after an error. */
  private lexAction(): boolean {
    const { source } = this;
    const start = this.at;
    const trims = source[start + 2] === "-" && SPACE.test(source[start + 3] ?? "");
    const inner = start + 2 + (trims ? 2 : 0);
    if (source.startsWith("/*", inner)) return this.lexComment(inner);
    this.push("open", "{{", start);
    this.skipTo(inner);
    this.parens = 0;
    for (;;) {
      const close = this.closeLength();
      if (close > 0) {
        if (this.parens > 0) return this.fail("unclosed left paren");
        this.endAction(close);
        return true;
      }
      if (!this.lexInside()) return false;
    }
  }

  private lexComment(inner: number): boolean {
    const end = this.source.indexOf("*/", inner + 2);
    if (end < 0) return this.fail("unclosed comment");
    this.skipTo(end + 2);
    const close = this.closeLength();
    if (close === 0) return this.fail("comment ends before closing delimiter");
    this.skipClose(close);
    return true;
  }

  /** The length of the closing delimiter here: 2 for `}}`, 4 for ` -}}`, 0 for none. */
  private closeLength(): number {
    const { source, at } = this;
    if (source.startsWith("}}", at)) return 2;
    return SPACE.test(source[at] ?? "") && source.startsWith("-}}", at + 1) ? 4 : 0;
  }

  private endAction(length: number): void {
    this.push("close", "}}", this.at + length - 2);
    this.skipClose(length);
  }

  /** Steps over a closing delimiter, and over the white space after a trimming one. */
  private skipClose(length: number): void {
    let end = this.at + length;
    if (length === 4) while (SPACE.test(this.source[end] ?? "")) end++;
    this.skipTo(end);
  }

  private lexInside(): boolean {
    const { source, at } = this;
    const char = source[at];
    if (char === undefined) return this.fail("unclosed action");
    if (SPACE.test(char)) return this.lexSpace();
    if (source.startsWith(":=", at)) return this.emit("declare", at + 2);
    if (char === ":") return this.fail("expected :=");
    if (char === "=") return this.emit("assign", at + 1);
    if (char === "|") return this.emit("pipe", at + 1);
    if (char === '"') return this.lexQuoted('"', "string", "unterminated quoted string");
    if (char === "'") return this.lexQuoted("'", "char-constant", "unterminated character constant");
    if (char === "`") return this.lexRaw();
    if (char === "$") return this.lexFieldOrVariable("variable");
    if (char === "." && !/[0-9]/.test(source[at + 1] ?? "")) return this.lexFieldOrVariable("field");
    if (/[0-9+.-]/.test(char)) return this.lexNumber();
    if (LETTER.test(char)) return this.lexIdentifier();
    return this.lexPunctuation(char);
  }

  private lexPunctuation(char: string): boolean {
    if (char === "(") {
      this.parens++;
      return this.emit("left-paren", this.at + 1);
    }
    if (char === ")") {
      this.parens--;
      if (this.parens < 0) return this.fail("unexpected right paren");
      return this.emit("right-paren", this.at + 1);
    }
    if (char >= " " && char <= "~") return this.emit("char", this.at + 1);
    const code = this.source.codePointAt(this.at)!;
    return this.fail(`unrecognized character in action: ${unicodeName(code)}`);
  }

  private lexSpace(): boolean {
    let end = this.at;
    while (SPACE.test(this.source[end] ?? "")) end++;
    // A space before "-}}" belongs to the trimming delimiter.
    if (this.source.startsWith("-}}", end)) end--;
    if (end > this.at) this.emit("space", end);
    return true;
  }

  private lexQuoted(quote: string, kind: TokenKind, complaint: string): boolean {
    let end = this.at + 1;
    for (;;) {
      const char = this.source[end];
      if (char === undefined || char === "\n") return this.fail(complaint);
      if (char === quote) return this.emit(kind, end + 1);
      end += char === "\\" && this.source[end + 1] !== undefined && this.source[end + 1] !== "\n" ? 2 : 1;
    }
  }

  private lexRaw(): boolean {
    const end = this.source.indexOf("`", this.at + 1);
    return end < 0 ? this.fail("unterminated raw quoted string") : this.emit("raw-string", end + 1);
  }

  private lexFieldOrVariable(kind: "field" | "variable"): boolean {
    const end = this.wordEnd(this.at + 1);
    if (!this.atTerminator(end)) return this.badCharacter(end);
    // A lone dot is the keyword for the data itself.
    return this.emit(kind === "field" && end === this.at + 1 ? "keyword" : kind, end);
  }

  private lexIdentifier(): boolean {
    const end = this.wordEnd(this.at);
    if (!this.atTerminator(end)) return this.badCharacter(end);
    const word = this.source.slice(this.at, end);
    if (KEYWORDS.has(word)) return this.emit("keyword", end);
    return this.emit(word === "true" || word === "false" ? "bool" : "identifier", end);
  }

  private lexNumber(): boolean {
    const rest = this.source.slice(this.at);
    const match =
      /^[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]+)?|0[oO][0-7_]*|0[bB][01_]*|[0-9_]*\.?[0-9_]*(?:[eE][+-]?[0-9_]+)?)i?/.exec(
        rest,
      )!;
    const end = this.at + match[0].length;
    if (LETTER.test(this.source[end] ?? "")) {
      return this.fail(`bad number syntax: ${JSON.stringify(this.source.slice(this.at, end + 1))}`);
    }
    return this.emit("number", end);
  }

  private wordEnd(from: number): number {
    let end = from;
    while (LETTER.test(this.source[end] ?? "")) end++;
    return end;
  }

  private atTerminator(at: number): boolean {
    const char = this.source[at];
    return char === undefined || SPACE.test(char) || ".,|:=()".includes(char) || this.source.startsWith("}}", at);
  }

  private badCharacter(at: number): boolean {
    return this.fail(`bad character ${unicodeName(this.source.codePointAt(at)!)}`);
  }

  private emit(kind: TokenKind, end: number): boolean {
    this.push(kind, this.source.slice(this.at, end), this.at);
    this.skipTo(end);
    return true;
  }

  private fail(message: string): false {
    this.push("error", message, this.at);
    return false;
  }

  private push(kind: TokenKind, text: string, at: number): void {
    this.tokens.push({ kind, text, at, line: this.line });
  }

  private skipTo(end: number): void {
    for (let i = this.at; i < end; i++) if (this.source[i] === "\n") this.line++;
    this.at = end;
  }
}

function unicodeName(code: number): string {
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")} '${String.fromCodePoint(code)}'`;
}
