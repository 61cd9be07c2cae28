/** Words of an expression in the Common Expression Language (CEL, as its public specification has it). */

export class ExpressionError extends Error {}

export type Token =
  | { readonly kind: "int" | "uint" | "double"; readonly text: string; readonly at: number }
  | { readonly kind: "string"; readonly text: string; readonly at: number }
  | { readonly kind: "bytes"; readonly text: string; readonly at: number }
  | { readonly kind: "name" | "sign" | "end"; readonly text: string; readonly at: number };

const SPACE = /\s+|\/\/[^\n]*/y;
const NUMBER = /0x[0-9a-fA-F]+u?|(\d+\.\d+([eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+([eE][+-]?\d+)?)|\d+u?/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const STRING = /([rRbB]{0,2})("""[\s\S]*?(?<!\\)"""|'''[\s\S]*?(?<!\\)'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')/y;
const RAW_STRING = /[bB]?[rR][bB]?("""[\s\S]*?"""|'''[\s\S]*?'''|"[^"\n]*"|'[^'\n]*')/y;
const SIGN = /\|\||&&|==|!=|<=|>=|[-+*/%<>!?:.,()[\]{}]/y;

/** @throws ExpressionError with the place of what cannot be read */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  while (at < text.length) {
    const space = take(SPACE);
    if (space !== undefined) {
      at += space.length;
      continue;
    }
    const token = stringAt(take, at) ?? numberAt(take, at) ?? plainAt(take, at);
    if (token === undefined) throw syntaxError(text, at, `token recognition error at: '${text[at]}'`);
    tokens.push(token.token);
    at += token.length;
  }
  tokens.push({ kind: "end", text: "<EOF>", at: text.length });
  return tokens;
}

/** An error with line and column, as CEL compilers tell it. */
export function syntaxError(text: string, at: number, why: string): ExpressionError {
  const before = text.slice(0, at).split("\n");
  return new ExpressionError(`ERROR: <input>:${before.length}:${(before.at(-1)?.length ?? 0) + 1}: ${why}`);
}

type Take = (pattern: RegExp) => string | undefined;
type Found = { token: Token; length: number } | undefined;

function stringAt(take: Take, at: number): Found {
  const raw = take(RAW_STRING);
  const source = raw ?? take(STRING);
  if (source === undefined) return undefined;
  const prefix = /^[rRbB]*/.exec(source)?.[0].toLowerCase() ?? "";
  const quoted = source.slice(prefix.length);
  const width = quoted.startsWith('"""') || quoted.startsWith("'''") ? 3 : 1;
  const body = quoted.slice(width, -width);
  const text = prefix.includes("r") ? body : withoutEscapes(body);
  return { token: { kind: prefix.includes("b") ? "bytes" : "string", text, at }, length: source.length };
}

const ESCAPES: Record<string, string> = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

function withoutEscapes(body: string): string {
  return body.replace(
    /\\(x[0-9a-fA-F]{2}|X[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|[\s\S])/g,
    (_, sign: string) => {
      if (/^[xXuU]./.test(sign)) return String.fromCodePoint(Number.parseInt(sign.slice(1), 16));
      if (/^[0-3][0-7]{2}$/.test(sign)) return String.fromCodePoint(Number.parseInt(sign, 8));
      return ESCAPES[sign] ?? sign;
    },
  );
}

function numberAt(take: Take, at: number): Found {
  const text = take(NUMBER);
  if (text === undefined) return undefined;
  const kind = text.endsWith("u") ? "uint" : /^0x/.test(text) || /^\d+$/.test(text) ? "int" : "double";
  return { token: { kind, text: text.replace(/u$/, ""), at }, length: text.length };
}

function plainAt(take: Take, at: number): Found {
  const name = take(NAME);
  if (name !== undefined) return { token: { kind: "name", text: name, at }, length: name.length };
  const sign = take(SIGN);
  return sign === undefined ? undefined : { token: { kind: "sign", text: sign, at }, length: sign.length };
}
