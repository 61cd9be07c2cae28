/**
 * The pattern language of .dockerignore: paths relative to the context, "*", "?", "[a-z]", "**" for any number of
 * directories, "\" before a character that means itself, "!" for exceptions; the last pattern that fits decides, and what
 * holds for a directory holds for all below it. Compiled once; no pattern makes matching slow (see glob-pattern.ts).
 */
import { NaruError } from "./errors.ts";
import { compileGlob, type Glob } from "./glob-pattern.ts";

/** Lines of an ignore file as patterns: comments, blanks and leading slashes gone, paths cleaned. */
export function readIgnoreFile(text: Uint8Array): string[] {
  const patterns: string[] = [];
  for (const line of new TextDecoder().decode(text).split("\n")) {
    const pattern = line.startsWith("#") ? "" : line.trim();
    if (pattern === "") continue;
    const isException = pattern.startsWith("!");
    const path = cleanPattern(isException ? pattern.slice(1).trim() : pattern);
    const relative = path.length > 1 && path.startsWith("/") ? path.slice(1) : path;
    patterns.push(isException ? `!${relative}` : relative);
  }
  return patterns;
}

/** As Go's path.Clean; an empty one stays empty. */
export function cleanPattern(path: string): string {
  if (path === "") return "";
  const isAbsolute = path.startsWith("/");
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (!isAbsolute) parts.push("..");
  }
  return (isAbsolute ? "/" : "") + parts.join("/") || ".";
}

interface Rule {
  isException: boolean;
  glob: Glob;
  /** For exceptions: whether one may fit something below the directory. */
  startsWith: string;
}

/** Which patterns fit a directory (1) or not (0), by their number. */
type Fits = Uint8Array;

export class IgnoreMatcher {
  /** Whether some pattern begins with "!". */
  readonly hasExceptions: boolean;
  private readonly rules: Rule[];
  private readonly directories = new Map<string, Fits>();
  /** A quick "none fits" for all the patterns that one expression can hold. */
  private readonly quick: RegExp | undefined;
  private readonly slow: Rule[];
  private readonly exact: ReadonlySet<string>;

  /** @throws {NaruError} invalid: a pattern that is none */
  constructor(readonly patterns: readonly string[]) {
    this.rules = patterns
      .map((pattern) => pattern.trim())
      .filter((pattern) => pattern !== "")
      .map(compileRule);
    this.hasExceptions = this.rules.some((rule) => rule.isException);
    this.slow = this.rules.filter(({ glob }) => glob.expression === undefined && glob.exact === undefined);
    this.exact = new Set(this.rules.map(({ glob }) => glob.exact).filter((path) => path !== undefined));
    const expressions = this.rules.map(({ glob }) => glob.expression?.source).filter((source) => source !== undefined);
    this.quick =
      expressions.length === 0 ? undefined : new RegExp(expressions.map((one) => `(?:${one})`).join("|"), "su");
  }

  /** Whether the path (relative, "/" between its parts) is left out. */
  excludes(path: string): boolean {
    if (this.rules.length === 0 || path === "" || path === ".") return false;
    const slash = path.lastIndexOf("/");
    const above = slash < 0 ? undefined : this.fitsOf(path.slice(0, slash));
    const mayFit = this.mayFit(path);
    for (let at = this.rules.length - 1; at >= 0; at -= 1) {
      const rule = this.rules[at]!;
      if (above?.[at] === 1 || (mayFit && rule.glob.matches(path))) return !rule.isException;
    }
    return false;
  }

  /** Whether an excluded directory must be looked into all the same, because of exceptions below it. */
  mayHoldExceptions(directory: string): boolean {
    const prefix = `${directory}/`;
    return this.rules.some(
      ({ isException, startsWith }) => isException && (startsWith.startsWith(prefix) || prefix.startsWith(startsWith)),
    );
  }

  private mayFit(path: string): boolean {
    if (this.exact.has(path) || this.quick?.test(path) === true) return true;
    return this.slow.some(({ glob }) => glob.matches(path));
  }

  private fitsOf(directory: string): Fits | undefined {
    const known = this.directories.get(directory);
    if (known) return known;
    const slash = directory.lastIndexOf("/");
    const above = slash < 0 ? undefined : this.fitsOf(directory.slice(0, slash));
    const fits = new Uint8Array(this.rules.length);
    const mayFit = this.mayFit(directory);
    for (const [at, { glob }] of this.rules.entries()) {
      fits[at] = above?.[at] === 1 || (mayFit && glob.matches(directory)) ? 1 : 0;
    }
    this.directories.set(directory, fits);
    return fits;
  }
}

function compileRule(pattern: string): Rule {
  const isException = pattern.startsWith("!");
  const path = cleanPattern(isException ? pattern.slice(1) : pattern);
  if (path === "") throw new NaruError("invalid", `illegal exclusion pattern: "${pattern}"`);
  const startsWith = /^[^*?[\\]*/.exec(path)![0];
  return { isException, glob: compileGlob(path), startsWith };
}
