/**
 * Patterns of repository names and tags, as every rule of the registry writes them: "*" is anything within one part of a
 * name, "**" any number of parts, "?" one character, "{a,b}" either. A pattern between slashes ("/^v\d+$/") is a regular
 * expression. "team/**" also means "team".
 */
import { NaruError } from "../lib/errors.ts";

export type NamePattern = (name: string) => boolean;

/** @throws {NaruError} invalid, naming the pattern */
export function parsePattern(text: string): NamePattern {
  if (text === "") throw new NaruError("invalid", "a pattern is empty; write ** for everything");
  const expression = text.length > 1 && text.startsWith("/") && text.endsWith("/") ? text.slice(1, -1) : undefined;
  const source = expression ?? globSource(text);
  let regex: RegExp;
  try {
    regex = new RegExp(source);
  } catch (error) {
    throw new NaruError("invalid", `the pattern ${text} cannot be read: ${(error as Error).message}`);
  }
  return (name) => regex.test(name);
}

/** True when any of the patterns fits; of none, nothing does. */
export function anyOf(patterns: readonly NamePattern[]): NamePattern {
  return (name) => patterns.some((fits) => fits(name));
}

const TOKEN = /\/\*\*$|\*\*\/|\*\*|\*|\?|\{[^{}]*\}|[\s\S]/g;

function globSource(text: string): string {
  const parts = text.match(TOKEN) ?? [];
  return `^${parts.map(tokenSource).join("")}$`;
}

function tokenSource(token: string): string {
  if (token === "/**") return "(?:/.*)?";
  if (token === "**/") return "(?:.*/)?";
  if (token === "**") return ".*";
  if (token === "*") return "[^/]*";
  if (token === "?") return "[^/]";
  if (token.startsWith("{") && token.length > 1) return `(?:${token.slice(1, -1).split(",").map(globInner).join("|")})`;
  return token.replace(/[\\^$.|+()[\]{}]/g, "\\$&");
}

function globInner(text: string): string {
  return (text.match(TOKEN) ?? []).map(tokenSource).join("");
}
