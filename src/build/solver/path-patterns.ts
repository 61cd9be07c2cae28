/**
 * Patterns of .dockerignore and of `--exclude`: Go's filepath.Match with "**" for any number of directories, "!" for exceptions;
 * the last that fits decides, and what fits a directory fits all below it. Paths are raw (one character per byte).
 */
import { toRaw } from "../../linux/file-calls.ts";

interface Pattern {
  isException: boolean;
  expression: RegExp;
}

/** Which patterns fitted a directory: asked again for what lies in it. */
export type ParentMatches = readonly boolean[] | undefined;

export class PathPatterns {
  private readonly patterns: Pattern[];
  readonly hasExceptions: boolean;

  constructor(lines: readonly string[]) {
    this.patterns = lines.map(parsePattern).filter((pattern) => pattern !== undefined);
    this.hasExceptions = this.patterns.some(({ isException }) => isException);
  }

  get isEmpty(): boolean {
    return this.patterns.length === 0;
  }

  /** `path` without slashes at its ends; `parent` is the answer for the directory it lies in. */
  match(path: string, parent?: ParentMatches): { isMatch: boolean; matches: ParentMatches } {
    let isMatch = false;
    const matches: boolean[] = [];
    for (const [index, { expression, isException }] of this.patterns.entries()) {
      const fits = parent?.[index] === true || expression.test(path);
      matches.push(fits);
      if (fits) isMatch = !isException;
    }
    return { isMatch, matches };
  }
}

function parsePattern(line: string): Pattern | undefined {
  let text = line.trim();
  if (text === "" || text.startsWith("#")) return undefined;
  const isException = text.startsWith("!");
  if (isException) text = text.slice(1).trim();
  const cleaned = cleanPath(text);
  if (cleaned === "") return undefined;
  return { isException, expression: new RegExp(`^${patternSource(toRaw(cleaned))}$`, "s") };
}

/** As Go's path.Clean, without a slash at the start: "" for the root itself. */
export function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (part !== "..") parts.push(part);
  }
  return parts.join("/");
}

/** The source of a regular expression for a whole path. */
function patternSource(pattern: string): string {
  let source = "";
  for (let at = 0; at < pattern.length; ) {
    if (pattern.startsWith("**", at)) {
      at += 2;
      if (pattern[at] === "/") at += 1;
      source += at >= pattern.length ? ".*" : "(?:.*/)?";
      continue;
    }
    const [piece, length] = pieceSource(pattern, at);
    source += piece;
    at += length;
  }
  return source;
}

/** One component's wildcard, class, escape or character. */
function pieceSource(pattern: string, at: number): [source: string, length: number] {
  const character = pattern[at]!;
  if (character === "*") return ["[^/]*", 1];
  if (character === "?") return ["[^/]", 1];
  if (character === "\\" && at + 1 < pattern.length) return [literal(pattern[at + 1]!), 2];
  if (character === "[") {
    const end = classEnd(pattern, at);
    if (end > 0) return [classSource(pattern.slice(at + 1, end)), end + 1 - at];
  }
  return [literal(character), 1];
}

function classEnd(pattern: string, at: number): number {
  let end = at + 1;
  if (pattern[end] === "^") end += 1;
  if (pattern[end] === "]") end += 1;
  while (end < pattern.length && pattern[end] !== "]") end += pattern[end] === "\\" ? 2 : 1;
  return end < pattern.length ? end : -1;
}

function classSource(body: string): string {
  const negated = body.startsWith("^");
  const inner = (negated ? body.slice(1) : body).replace(/\\(.)/gs, "$1").replace(/[\\\]^[]/g, "\\$&");
  return `(?!/)[${negated ? "^" : ""}${inner}]`;
}

const literal = (character: string): string => character.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");

const WILDCARD = /[*?[\\]/;

/** One component of a path with wildcards; undefined when it has none. */
export function componentMatcher(component: string): ((name: string) => boolean) | undefined {
  if (!WILDCARD.test(component)) return undefined;
  const expression = new RegExp(`^${patternSource(component.replaceAll("**", "*"))}$`, "s");
  return (name) => expression.test(name);
}
