import { NaruError } from "../lib/errors.ts";

/** What ends a command for a shell; Compose starts one program, and passes over what follows. */
const OPERATORS = ";&|<>";

/**
 * Splits a command line into words by a shell's quoting, without expanding anything, as docker compose does: a substitution
 * (`$(…)`, backquotes) is part of a word, and an operator (`&&`, `>`) outside of quotes ends the line. Throws "invalid".
 */
export function shellWords(line: string): string[] {
  const reader = new WordReader(line);
  return reader.read();
}

class WordReader {
  private readonly words: string[] = [];
  private word: string | undefined;
  /** What is open: they may stand in each other. */
  private readonly open = new Set<"'" | '"' | "`" | "$(">();

  constructor(private readonly line: string) {}

  read(): string[] {
    let isEscaped = false;
    for (const letter of this.line) {
      if (isEscaped) {
        this.add(letter);
        isEscaped = false;
      } else if (letter === "\\" && !this.open.has("'")) isEscaped = true;
      else if (/\s/.test(letter)) this.space(letter);
      else if (OPERATORS.includes(letter) && this.open.size === 0) {
        // `2>file`: the number belongs to the operator.
        if (letter === ">" && /^\d/.test(this.word ?? "")) this.word = undefined;
        return this.finished();
      } else this.take(letter);
    }
    if (isEscaped || this.open.size > 0) throw unfinished();
    return this.finished();
  }

  private take(letter: string): void {
    const { open } = this;
    const other = letter === '"' ? "'" : '"';
    if ((letter === "'" || letter === '"') && !open.has(other) && !open.has("$(")) {
      this.toggle(letter);
      this.word ??= "";
      return;
    }
    const isQuoted = open.has("'") || open.has('"');
    if (letter === "`" && !isQuoted && !open.has("$(")) this.toggle("`");
    else if (letter === "(" && !isQuoted && !open.has("`")) {
      if (open.has("$(") || !this.word?.endsWith("$")) throw unfinished();
      open.add("$(");
    } else if (letter === ")" && !isQuoted && !open.has("`")) open.delete("$(");
    this.add(letter);
  }

  private toggle(quote: "'" | '"' | "`"): void {
    if (!this.open.delete(quote)) this.open.add(quote);
  }

  private space(letter: string): void {
    if (this.open.size > 0) {
      this.add(letter);
      return;
    }
    if (this.word !== undefined) this.words.push(this.word);
    this.word = undefined;
  }

  private add(text: string): void {
    this.word = (this.word ?? "") + text;
  }

  private finished(): string[] {
    return this.word === undefined ? this.words : [...this.words, this.word];
  }
}

const unfinished = () => new NaruError("invalid", "invalid command line string");
