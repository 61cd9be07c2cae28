/**
 * Words of a Dockerfile: quotes, escapes and variables, in the forms that BuildKit knows: $v, ${v}, ${v-w}, ${v:-w}, ${v+w},
 * ${v:+w}, ${v?m}, ${v:?m}, ${v#p}, ${v##p}, ${v%p}, ${v%%p}, ${v/p/r}, ${v//p/r}.
 */
import { errorText, NaruError } from "../../lib/errors.ts";
import { goQuoted } from "../../lib/go-quote.ts";
import { withoutPrefix, withoutSuffix, withReplacement } from "./shell-pattern.ts";

export interface ExpansionOptions {
  escape: "\\" | "`";
  /** Quotes stay in the result, though they have their meaning. */
  keepsQuotes?: boolean;
  /** Escapes stay in the result, though they have their meaning. */
  keepsEscapes?: boolean;
  /** Quotes mean nothing (the text of a here-document). */
  ignoresQuotes?: boolean;
  /** Variables without a value stay as written. */
  keepsUnset?: boolean;
}
export interface Expansion {
  text: string;
  /** The text cut at white space, where it stood outside of quotes. */
  words: string[];
  /** Variables that had a value, and those that had none. */
  used: Set<string>;
  missing: Set<string>;
}

/** ${a:-${b:-…}} deeper than this is no Dockerfile. */
const MAX_DEPTH = 200;
const END = "";

/** @throws {NaruError} invalid: `failed to process "…": syntax error: missing '}'` */
export function expand(source: string, variables: ReadonlyMap<string, string>, options: ExpansionOptions): Expansion {
  const reader = new Expander(source, variables, options);
  try {
    const { text, words } = reader.readUntil(END, options.keepsEscapes ?? false);
    return { text, words, used: reader.used, missing: reader.missing };
  } catch (error) {
    throw new NaruError("invalid", `failed to process ${goQuoted(source)}: ${errorText(error)}`, { cause: error });
  }
}

/** Collects the words beside the text: only white space outside of quotes and escapes ends one. */
class WordList {
  readonly words: string[] = [];
  private word = "";

  addPlain(text: string): void {
    for (const char of text) {
      if (!isSpace(char)) this.word += char;
      else this.finish();
    }
  }
  addWhole(text: string): void {
    this.word += text;
  }
  finish(): string[] {
    if (this.word !== "") this.words.push(this.word);
    this.word = "";
    return this.words;
  }
}

class Expander {
  readonly used = new Set<string>();
  readonly missing = new Set<string>();
  private readonly chars: string[];
  private at = 0;
  private depth = 0;
  private keepsEscapes = false;

  constructor(
    source: string,
    private readonly variables: ReadonlyMap<string, string>,
    private readonly options: ExpansionOptions,
  ) {
    this.chars = [...source];
  }

  private peek(): string {
    return this.chars[this.at] ?? END;
  }
  private next(): string {
    const char = this.peek();
    this.at += 1;
    return char;
  }

  /** Reads up to `stop`, which is taken away; END reads everything. */
  readUntil(stop: string, keepsEscapes: boolean): { text: string; words: string[] } {
    if (++this.depth > MAX_DEPTH) throw new Error("syntax error: substitutions are nested too deep");
    const outer = this.keepsEscapes;
    this.keepsEscapes = keepsEscapes;
    const list = new WordList();
    let text = "";
    for (let char = this.peek(); char !== END; char = this.peek()) {
      if (char === stop) break;
      const isQuote = !this.options.ignoresQuotes && (char === "'" || char === '"');
      if (char === "$") {
        const value = this.readVariable();
        text += value;
        list.addPlain(value);
      } else if (isQuote) {
        const value = char === "'" ? this.readSingleQuoted() : this.readDoubleQuoted();
        text += value;
        list.addWhole(value);
      } else if (char === this.options.escape) text += this.readEscaped(list);
      else {
        this.at += 1;
        text += char;
        list.addPlain(char);
      }
    }
    if (stop !== END && this.next() !== stop) {
      throw new Error(`unexpected end of statement while looking for matching ${stop}`);
    }
    this.keepsEscapes = outer;
    this.depth -= 1;
    return { text, words: list.finish() };
  }

  private readEscaped(list: WordList): string {
    const token = this.next();
    const kept = this.keepsEscapes ? token : "";
    const char = this.next();
    list.addWhole(kept + char);
    return kept + char;
  }

  private readSingleQuoted(): string {
    const start = this.at;
    this.at += 1;
    while (this.peek() !== "'") {
      if (this.next() === END) throw unclosed("single-quote");
    }
    this.at += 1;
    const quoted = this.chars.slice(start, this.at).join("");
    return this.options.keepsQuotes ? quoted : quoted.slice(1, -1);
  }

  /** Inside, only the quote, "$" and the escape itself can be escaped; before others the escape stays. */
  private readDoubleQuoted(): string {
    const quote = this.options.keepsQuotes ? '"' : "";
    let text = quote;
    this.at += 1;
    for (;;) {
      const char = this.peek();
      if (char === END) throw unclosed("double-quote");
      if (char === "$") {
        text += this.readVariable();
        continue;
      }
      this.at += 1;
      if (char === '"') return text + quote;
      if (char !== this.options.escape) {
        text += char;
        continue;
      }
      if (this.keepsEscapes) text += char;
      const escaped = this.peek();
      if (escaped === END) continue;
      text += escaped === '"' || escaped === "$" || escaped === this.options.escape ? this.next() : char;
    }
  }

  private readVariable(): string {
    this.at += 1;
    if (this.peek() !== "{") {
      const name = this.readName();
      if (name === "") return "$";
      const value = this.lookUp(name);
      return value === undefined && this.options.keepsUnset ? `$${name}` : (value ?? "");
    }
    this.at += 1;
    const first = this.peek();
    if (first === END) throw new Error("syntax error: missing '}'");
    if (first === "{" || first === "}" || first === ":") throw new Error("syntax error: bad substitution");
    const name = this.readName();
    const operator = this.next();
    if (operator === "}") {
      const value = this.lookUp(name);
      return value === undefined && this.options.keepsUnset ? `\${${name}}` : (value ?? "");
    }
    if (operator === "/") return this.readReplacement(name);
    const emptyIsUnset = operator === ":";
    return this.readModifier(name, emptyIsUnset ? this.next() : operator, emptyIsUnset);
  }

  private readModifier(name: string, modifier: string, emptyIsUnset: boolean): string {
    const written = (emptyIsUnset ? ":" : "") + (modifier === END ? "\ufffd" : modifier);
    const isKnown = emptyIsUnset || (modifier !== END && "+-?#%".includes(modifier));
    if (!isKnown) throw new Error(`unsupported modifier (${written}) in substitution`);
    const isPattern = modifier === "#" || modifier === "%";
    const word = this.readPart("}", isPattern, "syntax error: missing '}'");
    const value = this.lookUp(name);
    if (value === undefined && this.options.keepsUnset) return `\${${name}${written}${word}}`;
    const isUnset = value === undefined || (emptyIsUnset && value === "");
    switch (modifier) {
      case "-":
        return isUnset ? word : value;
      case "+":
        return isUnset ? "" : word;
      case "?":
        if (!isUnset) return value;
        throw new Error(
          `${name}: ${word || (value === undefined ? "is not allowed to be unset" : "is not allowed to be empty")}`,
        );
      case "#":
      case "%":
        return trimmed(value ?? "", modifier, word);
      default:
        throw new Error(`unsupported modifier (${written}) in substitution`);
    }
  }

  private readReplacement(name: string): string {
    const all = this.peek() === "/";
    if (all) this.at += 1;
    const pattern = this.readPart("/", true, "syntax error: missing '/' in $" + "{}");
    const replacement = this.readPart("}", true, "syntax error: missing '}'");
    const value = this.lookUp(name);
    if (value === undefined && this.options.keepsUnset) return `\${${name}/${pattern}/${replacement}}`;
    return withPattern(pattern, () => withReplacement(value ?? "", pattern, replacement, all));
  }

  /** Up to `stop`; running into the end has its own words. */
  private readPart(stop: string, keepsEscapes: boolean, complaint: string): string {
    try {
      return this.readUntil(stop, keepsEscapes).text;
    } catch (error) {
      throw this.peek() === END ? new Error(complaint, { cause: error }) : error;
    }
  }

  /** Letters, digits and "_"; or digits alone, or one of the shell's special parameters. */
  private readName(): string {
    const first = this.peek();
    if (first !== END && "@*#?-$!".includes(first)) return this.next();
    const inName = /\p{Nd}/u.test(first) ? /\p{Nd}/u : /[\p{L}\p{Nd}_]/u;
    const start = this.at;
    while (this.peek() !== END && inName.test(this.peek())) this.at += 1;
    return this.chars.slice(start, this.at).join("");
  }

  private lookUp(name: string): string | undefined {
    const value = this.variables.get(name);
    (value === undefined ? this.missing : this.used).add(name);
    return value;
  }
}

function trimmed(value: string, modifier: "#" | "%", word: string): string {
  const longest = word.startsWith(modifier);
  const pattern = longest ? word.slice(1) : word;
  const trim = modifier === "#" ? withoutPrefix : withoutSuffix;
  return withPattern(pattern, () => trim(value, pattern, longest));
}

function withPattern(pattern: string, apply: () => string): string {
  try {
    return apply();
  } catch (error) {
    throw new Error(`invalid pattern (${pattern}) in substitution: ${errorText(error)}`, { cause: error });
  }
}

function unclosed(kind: "single-quote" | "double-quote"): Error {
  return new Error(`unexpected end of statement while looking for matching ${kind}`);
}

/** White space as Go's unicode.IsSpace has it. */
export function isSpace(char: string): boolean {
  return (char !== "\ufeff" && /\s/.test(char)) || char === "\u0085";
}
