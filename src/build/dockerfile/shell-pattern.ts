/**
 * The wildcards of `${name#pattern}` and its kin: "*" any text, "?" any character, "\" takes their meaning away. They are
 * matched by walking all states at once, so no pattern makes it slow: time is the pattern's length times the text's. As in
 * BuildKit (whose patterns become Go regular expressions) a wildcard does not match a newline.
 */

const ANY_TEXT = Symbol("*");
const ANY_CHARACTER = Symbol("?");
type Token = string | typeof ANY_TEXT | typeof ANY_CHARACTER;

/** Longer ones are refused: nobody writes them, and they would cost seconds. */
const MAX_PATTERN = 4096;

/** @throws Error `invalid escape '\x'` */
function parsePattern(pattern: string): Token[] {
  if (pattern.length > MAX_PATTERN) throw new Error(`longer than ${MAX_PATTERN} characters`);
  const tokens: Token[] = [];
  const chars = [...pattern];
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at]!;
    if (char === "*") {
      if (tokens.at(-1) !== ANY_TEXT) tokens.push(ANY_TEXT);
    } else if (char === "?") tokens.push(ANY_CHARACTER);
    else if (char === "\\") {
      at += 1;
      const escaped = chars[at];
      // "}" and "/" are only escaped for the sake of ${…}.
      if (escaped === undefined || !"}/*?\\".includes(escaped)) throw new Error(`invalid escape '\\${escaped ?? ""}'`);
      tokens.push(escaped);
    } else tokens.push(char);
  }
  return tokens;
}

/** One step of all states: `active[i]` means that the tokens before `i` have matched. */
function advance(tokens: readonly Token[], active: Uint8Array, char: string): Uint8Array {
  const next = new Uint8Array(tokens.length + 1);
  for (let at = 0; at < tokens.length; at += 1) {
    if (active[at] === 0) continue;
    const token = tokens[at]!;
    if (token === ANY_TEXT) {
      if (char !== "\n") next[at] = 1;
    } else if (token === char || (token === ANY_CHARACTER && char !== "\n")) next[at + 1] = 1;
  }
  return skipEmpty(tokens, next);
}

/** A "*" may match nothing. */
function skipEmpty(tokens: readonly Token[], active: Uint8Array): Uint8Array {
  for (let at = 0; at < tokens.length; at += 1) if (active[at] === 1 && tokens[at] === ANY_TEXT) active[at + 1] = 1;
  return active;
}

function startState(tokens: readonly Token[]): Uint8Array {
  const active = new Uint8Array(tokens.length + 1);
  active[0] = 1;
  return skipEmpty(tokens, active);
}

/** Characters at the beginning that match, the fewest or the most; undefined when it does not match. */
function matchStart(tokens: readonly Token[], chars: readonly string[], from: number, longest: boolean) {
  let active = startState(tokens);
  let found: number | undefined;
  for (let at = from; ; at += 1) {
    if (active[tokens.length] === 1) {
      found = at - from;
      if (!longest) return found;
    }
    if (at >= chars.length || !active.includes(1)) return found;
    active = advance(tokens, active, chars[at]!);
  }
}

/** Where in the text a match can begin. */
function matchStarts(tokens: readonly Token[], chars: readonly string[]): boolean[] {
  const reversed = tokens.toReversed();
  const starts: boolean[] = new Array(chars.length + 1).fill(false);
  let active = startState(reversed);
  for (let at = chars.length; at >= 0; at -= 1) {
    if (active[reversed.length] === 1) starts[at] = true;
    if (at === 0) break;
    active = advance(reversed, active, chars[at - 1]!);
    active[0] = 1;
    skipEmpty(reversed, active);
  }
  return starts;
}

/** `${value#pattern}`, with `longest` `${value##pattern}`. */
export function withoutPrefix(value: string, pattern: string, longest: boolean): string {
  const chars = [...value];
  const length = matchStart(parsePattern(pattern), chars, 0, longest);
  return length === undefined ? value : chars.slice(length).join("");
}

/** `${value%pattern}`, with `longest` `${value%%pattern}`. */
export function withoutSuffix(value: string, pattern: string, longest: boolean): string {
  const chars = [...value].reverse();
  const length = matchStart(parsePattern(pattern).reverse(), chars, 0, longest);
  return length === undefined ? value : chars.slice(length).reverse().join("");
}

/** `${value/pattern/replacement}`, with `all` `${value//pattern/replacement}`. The longest match at the first place wins. */
export function withReplacement(value: string, pattern: string, replacement: string, all: boolean): string {
  const tokens = parsePattern(pattern);
  const chars = [...value];
  const starts = matchStarts(tokens, chars);
  let result = "";
  let afterMatch = -1;
  for (let at = 0; at <= chars.length; at += 1) {
    const length = starts[at] === true ? matchStart(tokens, chars, at, true)! : undefined;
    // As Go: no empty match right behind another.
    if (length === undefined || (length === 0 && at === afterMatch)) {
      result += chars[at] ?? "";
      continue;
    }
    result += replacement;
    if (!all) return result + chars.slice(at + length).join("");
    afterMatch = at + length;
    if (length === 0) result += chars[at] ?? "";
    else at += length - 1;
  }
  return result;
}
