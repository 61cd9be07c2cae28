import { CliError } from "./cli-error.ts";
import { parseGoBool } from "./go-bool.ts";

/**
 * One command line flag. Declarations are built by `flag-types.ts`; the parser below, the help screen and shell
 * completion all read the same declaration.
 */
export interface Flag<T> {
  /** The word that stands for the value on the help screen (`string`, `list`, `bytes`); empty for switches. */
  readonly type: string;
  readonly usage: string;
  /** The one letter form, without its hyphen. */
  readonly short?: string;
  /** The value taken when the flag stands alone (`--rm`); flags without it need an argument. */
  readonly bare?: string;
  /** Shown as `(default …)` on the help screen. */
  readonly defaultText?: string;
  readonly hidden?: boolean;
  /** The flag whose value this one sets: an older name of it. */
  readonly aliasOf?: string;
  /** Why one should not use it any more; printed to stderr at each use. */
  readonly deprecated?: string;
  /** A fresh initial value. */
  initial(): T;
  /** The value after one more use of the flag. Throws an Error whose message says what is wrong with `text`. */
  parse(text: string, current: T): T;
}

// biome-ignore lint/suspicious/noExplicitAny: flags of every value type live in one declaration
export type FlagSet = Record<string, Flag<any>>;
export type FlagValues<F extends FlagSet> = { [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

/** What a command line said: the values of all flags, which of them were given, and the words that are no flags. */
interface ParsedFlags<F extends FlagSet> {
  readonly values: FlagValues<F>;
  readonly changed: ReadonlySet<keyof F & string>;
  readonly args: string[];
  /** True when `--help` was among the words. */
  readonly helpAsked: boolean;
  /** Lines for stderr about deprecated flags that were used. */
  readonly warnings: string[];
}

export interface ParseOptions {
  /** When false, the first word that is no flag ends the flags (`run`, `exec`). */
  readonly interspersed?: boolean;
}

/** Reads the flags of `words` as pflag (the flag library behind docker's client) does. Throws CliError, exit code 125. */
export function parseFlags<F extends FlagSet>(
  flags: F,
  words: readonly string[],
  options: ParseOptions = {},
): ParsedFlags<F> {
  return new FlagParser(flags, words, options.interspersed ?? true).parse();
}

class FlagParser<F extends FlagSet> {
  private readonly values: Record<string, unknown> = {};
  private readonly changed = new Set<string>();
  private readonly args: string[] = [];
  private readonly warnings: string[] = [];
  private helpAsked = false;
  private next = 0;

  constructor(
    private readonly flags: F,
    private readonly words: readonly string[],
    private readonly interspersed: boolean,
  ) {
    for (const name in flags) this.values[name] = flags[name]!.initial();
  }

  parse(): ParsedFlags<F> {
    while (this.next < this.words.length && !this.helpAsked) {
      const word = this.words[this.next++]!;
      if (word === "--") {
        this.args.push(...this.words.slice(this.next));
        break;
      }
      if (word.startsWith("--")) this.parseLong(word);
      else if (word.length > 1 && word.startsWith("-")) this.parseShort(word.slice(1));
      else if (this.interspersed) this.args.push(word);
      else {
        this.args.push(word, ...this.words.slice(this.next));
        break;
      }
    }
    const { values, changed, args, helpAsked, warnings } = this;
    return { values: values as FlagValues<F>, changed: changed as Set<keyof F & string>, args, helpAsked, warnings };
  }

  private parseLong(word: string): void {
    const body = word.slice(2);
    if (body.startsWith("-") || body.startsWith("=")) throw new CliError(`bad flag syntax: ${word}`, 125);
    const equals = body.indexOf("=");
    const name = equals < 0 ? body : body.slice(0, equals);
    if (name === "help") {
      this.helpAsked = equals < 0 || parseGoBool(body.slice(equals + 1));
      return;
    }
    if (!Object.hasOwn(this.flags, name)) throw new CliError(`unknown flag: --${name}`, 125);
    const flag = this.flags[name]!;
    if (equals >= 0) this.set(name, body.slice(equals + 1));
    else if (flag.bare !== undefined) this.set(name, flag.bare);
    else if (this.next < this.words.length) this.set(name, this.words[this.next++]!);
    else throw new CliError(`flag needs an argument: --${name}`, 125);
  }

  /** Reads a group of one letter flags, such as `itd` or `p80:80`. */
  private parseShort(letters: string): void {
    let rest = letters;
    while (rest !== "" && !this.helpAsked) {
      const letter = String.fromCodePoint(rest.codePointAt(0)!);
      const name = this.longName(letter);
      if (name === undefined) {
        if (letter !== "h") throw new CliError(`unknown shorthand flag: '${letter}' in -${rest}`, 125);
        this.warnings.push("Flag shorthand -h has been deprecated, use --help");
        this.helpAsked = true;
        return;
      }
      const flag = this.flags[name]!;
      const tail = rest.slice(letter.length);
      if (tail.length > 1 && tail.startsWith("=")) {
        this.set(name, tail.slice(1));
        return;
      }
      if (flag.bare === undefined) {
        if (tail !== "") this.set(name, tail);
        else if (this.next < this.words.length) this.set(name, this.words[this.next++]!);
        else throw new CliError(`flag needs an argument: '${letter}' in -${rest}`, 125);
        return;
      }
      this.set(name, flag.bare);
      rest = tail;
    }
  }

  private longName(letter: string): string | undefined {
    for (const name in this.flags) if (this.flags[name]!.short === letter) return name;
    return undefined;
  }

  private set(name: string, text: string): void {
    const flag = this.flags[name]!;
    const target = flag.aliasOf ?? name;
    try {
      this.values[target] = this.flags[target]!.parse(text, this.values[target]);
    } catch (error) {
      const shown = flag.short === undefined ? `--${name}` : `-${flag.short}, --${name}`;
      const reason = error instanceof Error ? error.message : String(error);
      throw new CliError(`invalid argument ${JSON.stringify(text)} for "${shown}" flag: ${reason}`, 125);
    }
    this.changed.add(target);
    if (flag.deprecated !== undefined) this.warnings.push(`Flag --${name} has been deprecated, ${flag.deprecated}`);
  }
}
