/**
 * One path pattern with "*", "?", "[a-z]", "**" and "\". Patterns with few wildcards become a regular expression; those
 * with many, on which expressions may take exponential time, are matched by walking all states at once.
 */
import { NaruError } from "./errors.ts";

export interface Glob {
  matches(path: string): boolean;
  /** Set when it has no wildcard: the only path that it fits. */
  exact?: string;
  /** Set when an expression does it. */
  expression?: RegExp;
}

type Token =
  | { kind: "text"; char: string }
  | { kind: "one"; class?: RegExp }
  /** Any text without a slash. */
  | { kind: "star" }
  /** Nothing or whole directories. */
  | { kind: "directories" }
  | { kind: "rest" };

const MAX_STARS = 2;
const MAX_PATTERN = 4096;

/** `pattern` is a cleaned path. @throws {NaruError} invalid: `syntax error in pattern "[a"` */
export function compileGlob(pattern: string): Glob {
  if (pattern.length > MAX_PATTERN) throw new NaruError("invalid", `pattern is longer than ${MAX_PATTERN} characters`);
  if (!/[*?[\]\\]/.test(pattern)) return { matches: (path) => path === pattern, exact: pattern };
  // "**.log" fits the end of any path, also in the middle of a name.
  const tail = pattern.startsWith("**") ? pattern.slice(2) : "";
  if (tail !== "" && !/[*?[\]\\]/.test(tail)) return expressionGlob(tailSource(tail));
  const tokens = parse(pattern);
  const stars = tokens.filter(({ kind }) => kind !== "text" && kind !== "one").length;
  if (stars > MAX_STARS) return stateGlob(tokens);
  return expressionGlob(`^${tokens.map(sourceOf).join("")}$`);
}

function expressionGlob(source: string): Glob {
  const expression = new RegExp(source, "su");
  return { matches: (path) => expression.test(path), expression };
}

function tailSource(tail: string): string {
  return tail.startsWith("/") ? `(?:^|/)${literal(tail.slice(1))}$` : `${literal(tail)}$`;
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

function sourceOf(token: Token): string {
  switch (token.kind) {
    case "text":
      return literal(token.char);
    case "one":
      return token.class?.source ?? "[^/]";
    case "star":
      return "[^/]*";
    case "directories":
      return "(?:.*/)?";
    case "rest":
      return ".*";
  }
}

function parse(pattern: string): Token[] {
  const chars = [...pattern];
  const tokens: Token[] = [];
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at]!;
    if (char === "*" && chars[at + 1] === "*") {
      while (chars[at + 1] === "*") at += 1;
      if (chars[at + 1] === "/") at += 1;
      tokens.push({ kind: at + 1 === chars.length ? "rest" : "directories" });
    } else if (char === "*") tokens.push({ kind: "star" });
    else if (char === "?") tokens.push({ kind: "one" });
    else if (char === "[") {
      const end = classEnd(chars, at);
      tokens.push({ kind: "one", class: characterClass(chars.slice(at, end + 1).join(""), pattern) });
      at = end;
    } else if (char === "\\") {
      at += 1;
      if (chars[at] === undefined) throw badPattern(pattern);
      tokens.push({ kind: "text", char: chars[at]! });
    } else tokens.push({ kind: "text", char });
  }
  return tokens;
}

function badPattern(pattern: string): NaruError {
  return new NaruError("invalid", `syntax error in pattern ${JSON.stringify(pattern)}`);
}

function classEnd(chars: readonly string[], start: number): number {
  let at = start + 1;
  if (chars[at] === "^") at += 1;
  if (chars[at] === "]") at += 1;
  while (at < chars.length && chars[at] !== "]") at += chars[at] === "\\" ? 2 : 1;
  if (at >= chars.length) throw badPattern(chars.join(""));
  return at;
}

function characterClass(text: string, pattern: string): RegExp {
  try {
    return new RegExp(text.replace(/^\[(\^?)\]/, "[$1\\]").replace(/(?<!^)\[/g, "\\["), "u");
  } catch (cause) {
    throw new NaruError("invalid", badPattern(pattern).message, { cause });
  }
}

/** A state for each token, "directories" having one more for being inside of them, and one for the end. */
type State = Exclude<Token, { kind: "directories" }> | { kind: "optional" } | { kind: "inside" };

function stateGlob(tokens: readonly Token[]): Glob {
  const states = tokens.flatMap((token): State[] =>
    token.kind === "directories" ? [{ kind: "optional" }, { kind: "inside" }] : [token],
  );
  return { matches: (path) => walk(states, path) };
}

function walk(states: readonly State[], path: string): boolean {
  let active = new Uint8Array(states.length + 1);
  active[0] = 1;
  passOptional(states, active);
  for (const char of path) {
    const next = new Uint8Array(states.length + 1);
    for (let at = 0; at < states.length; at += 1) if (active[at] === 1) step(states[at]!, at, char, next);
    passOptional(states, next);
    if (!next.includes(1)) return false;
    active = next;
  }
  return active[states.length] === 1;
}

function step(state: State, at: number, char: string, next: Uint8Array): void {
  switch (state.kind) {
    case "text":
      if (state.char === char) next[at + 1] = 1;
      return;
    case "one":
      if (state.class ? state.class.test(char) : char !== "/") next[at + 1] = 1;
      return;
    case "star":
      if (char !== "/") next[at] = 1;
      return;
    case "rest":
      next[at] = 1;
      return;
    case "inside":
      next[at] = 1;
      if (char === "/") next[at + 1] = 1;
      return;
    case "optional":
  }
}

/** What may match nothing leads on without a character. */
function passOptional(states: readonly State[], active: Uint8Array): void {
  for (let at = 0; at < states.length; at += 1) {
    if (active[at] === 0) continue;
    const { kind } = states[at]!;
    if (kind === "star" || kind === "rest" || kind === "optional") active[at + 1] = 1;
    if (kind === "optional") active[at + 2] = 1;
  }
}
