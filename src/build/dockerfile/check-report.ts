/** Collects what the build checks find, minding "# check=skip=…;error=…;experimental=…" at the top and above instructions. */
import { errorText, NaruError } from "../../lib/errors.ts";
import { findGoBool } from "../../lib/go-bool.ts";
import { goQuoted } from "../../lib/go-quote.ts";
import type { BuildWarning, SourceRange } from "../contract.ts";
import { CHECK_RULES, type CheckRule, type CheckRuleName, checkMessage } from "./check-rules.ts";

interface CheckOptions {
  skip: Set<string> | "all";
  experimental: Set<string> | "all";
  failsOnWarning: boolean;
}
const COMMENT_OPTIONS = /^check\s*=\s*(.+)$/;

/** @throws {NaruError} invalid: `failed to parse check options: …` */
function parseCheckOptions(text: string): CheckOptions {
  const options: CheckOptions = { skip: new Set(), experimental: new Set(), failsOnWarning: false };
  if (text.trim() === "") return options;
  for (const part of text.trim().split(";")) {
    try {
      setOption(options, part);
    } catch (error) {
      throw new NaruError("invalid", `failed to parse check options: ${errorText(error)}`, { cause: error });
    }
  }
  return options;
}

function setOption(options: CheckOptions, part: string): void {
  const equals = part.indexOf("=");
  if (equals < 0) throw new Error(`invalid check option ${goQuoted(part)}`);
  const key = part.slice(0, equals).trim();
  const value = part.slice(equals + 1).trim();
  if (key === "skip" || key === "experimental") {
    options[key] = value === "all" ? "all" : new Set(value.split(",").map((rule) => rule.trim()));
  } else if (key === "error") {
    const known = findGoBool(value);
    if (known === undefined) {
      const cause = `strconv.ParseBool: parsing ${goQuoted(value)}: invalid syntax`;
      throw new Error(`failed to parse check option ${goQuoted(part)}: ${cause}`);
    }
    options.failsOnWarning = known;
  } else throw new Error(`invalid check option ${goQuoted(key)}`);
}

export class CheckReport {
  readonly warnings: BuildWarning[] = [];
  private readonly options: CheckOptions;
  /** A place is told once, also when a stage is looked at for several platforms. */
  private readonly told = new Set<string>();

  constructor(
    private readonly file: string,
    directive: string,
    private readonly onWarning: (warning: BuildWarning) => void = () => {},
  ) {
    this.options = parseCheckOptions(directive);
  }

  /** `comments` stand directly above the instruction and may skip rules for it. */
  report<Rule extends CheckRuleName>(
    rule: Rule,
    range: SourceRange,
    comments: readonly string[],
    ...words: Parameters<(typeof checkMessage)[Rule]>
  ): void {
    if (!this.isWanted(rule, comments)) return;
    const message = checkMessage[rule] as (...words: unknown[]) => string;
    const short = message(...words);
    const key = `${rule} ${range.start.line} ${short}`;
    if (this.told.has(key)) return;
    this.told.add(key);
    const ranges = linesOf(range);
    const warning = { rule, short, detail: [CHECK_RULES[rule].help], url: "", file: this.file, ranges };
    this.warnings.push(warning);
    this.onWarning(warning);
  }

  /** "# check=error=true" makes warnings fail the build. */
  failure(): NaruError | undefined {
    if (!this.options.failsOnWarning || this.warnings.length === 0) return undefined;
    const rules = [...new Set(this.warnings.map((warning) => warning.rule))];
    return new NaruError("invalid", `lint violation found for rules: ${rules.join(", ")}`);
  }

  private isWanted(rule: CheckRuleName, comments: readonly string[]): boolean {
    const isExperimental = (CHECK_RULES[rule] as CheckRule).isExperimental === true;
    const here = comments.map((comment) => optionsOfComment(comment)).filter((options) => options !== undefined);
    const all = [this.options, ...here];
    if (isExperimental && !all.some(({ experimental }) => holds(experimental, rule))) return false;
    return !all.some(({ skip }) => holds(skip, rule));
  }
}

function holds(rules: Set<string> | "all", rule: string): boolean {
  return rules === "all" || rules.has(rule);
}

/** A comment that only looks like options is a comment. */
function optionsOfComment(comment: string): CheckOptions | undefined {
  const text = COMMENT_OPTIONS.exec(comment)?.[1];
  if (text === undefined) return undefined;
  try {
    return parseCheckOptions(text);
  } catch (error) {
    if (error instanceof NaruError) return undefined;
    throw error;
  }
}

/** One range for each line, as BuildKit gives places. */
export function linesOf({ start, end }: SourceRange): SourceRange[] {
  return Array.from({ length: end.line - start.line + 1 }, (_, index) => {
    const place = { line: start.line + index, column: 0 };
    return { start: place, end: place };
  });
}
