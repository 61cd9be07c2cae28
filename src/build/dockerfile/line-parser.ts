/**
 * A Dockerfile's bytes to its instructions' lines: byte order mark, line ends of both kinds, parser directives, comments,
 * continuations and here-documents. What an instruction means is instruction-parser.ts's business.
 */
import { NaruError } from "../../lib/errors.ts";
import type { SourceRange } from "../contract.ts";
import type { Heredoc, ParsedDockerfile, ParsedLine, ParserDirective } from "./ast.ts";
import { DockerfileError } from "./dockerfile-error.ts";
import { splitInstruction } from "./flags.ts";
import { readHeredocs } from "./heredoc.ts";
import { isJsonList } from "./json-form.ts";
import { checkLineForm } from "./line-form.ts";

/** BuildKit's scanner takes no longer line; a Dockerfile with one is refused there, so nobody has such. */
const MAX_LINE = 65_535;
const DIRECTIVE = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(\S.*)$/;
const HEREDOC_KEYWORDS = new Set(["ADD", "COPY", "RUN"]);

/** @throws {DockerfileError} with the place */
export function parseLines(bytes: Uint8Array): ParsedDockerfile {
  return new LineParser(decode(bytes)).parse();
}

/** The only line of an ONBUILD trigger. @throws {DockerfileError} */
export function parseTrigger(text: string): ParsedLine {
  const { lines } = new LineParser(text).parse();
  if (lines.length !== 1) throw new NaruError("invalid", "onbuild trigger should be a single expression");
  return lines[0]!;
}

function decode(bytes: Uint8Array): string {
  // The decoder takes a byte order mark away.
  return new TextDecoder("utf-8").decode(bytes);
}

function lineRange(first: number, last = first): SourceRange {
  return { start: { line: first, column: 0 }, end: { line: last, column: 0 } };
}

class LineParser {
  private readonly result: ParsedDockerfile = { escape: "\\", directives: [], lines: [], emptyContinuations: [] };
  private readonly source: string[];
  /** Index of the next line to read; also the number of the line read last. */
  private at = 0;
  private mayBeDirective = true;
  private comments: string[] = [];

  constructor(text: string) {
    this.source = text.split(/(?<=\n)/);
    if (this.source.at(-1) === "") this.source.pop();
  }

  parse(): ParsedDockerfile {
    while (this.at < this.source.length) this.readInstruction();
    if (this.result.lines.length === 0) throw this.error("file with no instructions", this.at, this.at);
    return this.result;
  }

  private error(message: string, first: number, last = first): DockerfileError {
    return new DockerfileError(message, [lineRange(Math.max(first, 1), Math.max(last, 1))]);
  }

  /** The next line without its end. */
  private readLine(): string {
    const line = this.source[this.at]!.replace(/[\r\n]+$/, "");
    this.at += 1;
    if (line.length > MAX_LINE) {
      throw this.error(`dockerfile line greater than max allowed size of ${MAX_LINE}`, this.at);
    }
    return line;
  }

  private readInstruction(): void {
    const raw = this.readLine();
    const trimmed = raw.trimStart();
    if (this.at === 1 && trimmed.startsWith("#!")) return;
    if (trimmed.startsWith("#")) {
      this.readComment(trimmed);
      return;
    }
    this.mayBeDirective = false;
    const start = this.at;
    const first = this.cutContinuation(trimmed);
    if (first.isLast && first.text === "") return;
    const text = first.isLast ? first.text : first.text + this.readContinuations();
    this.addInstruction(text, start);
  }

  private readComment(line: string): void {
    if (this.mayBeDirective && this.readDirective(line)) return;
    this.mayBeDirective = false;
    const comment = line.slice(1).trim();
    if (comment === "") this.comments = [];
    else this.comments.push(comment);
  }

  private readDirective(line: string): boolean {
    const match = DIRECTIVE.exec(line);
    const name = (match?.[1] ?? "").toLowerCase();
    if (name !== "syntax" && name !== "escape" && name !== "check") return false;
    const value = (match?.[2] ?? "").trimEnd();
    if (this.result.directives.some((directive) => directive.name === name)) {
      throw this.error(`only one ${name} parser directive can be used`, this.at);
    }
    if (name === "escape") {
      if (value !== "\\" && value !== "`") {
        throw this.error(`invalid escape token '${value}' does not match \` or \\`, this.at);
      }
      this.result.escape = value;
    }
    this.result.directives.push({ name, value, range: lineRange(this.at) } satisfies ParserDirective);
    return true;
  }

  /** The escape as the last character continues the line, unless another one stands before it. */
  private cutContinuation(line: string): { text: string; isLast: boolean } {
    const { escape: token } = this.result;
    let end = line.length;
    while (end > 0 && (line[end - 1] === " " || line[end - 1] === "\t")) end -= 1;
    if (line[end - 1] !== token || line[end - 2] === token) return { text: line, isLast: true };
    return { text: line.slice(0, end - 1), isLast: false };
  }

  /** Comments between continued lines are passed over, and so, with a warning, are empty lines. */
  private readContinuations(): string {
    const parts: string[] = [];
    let hasEmpty = false;
    while (this.at < this.source.length) {
      const line = this.readLine();
      const trimmed = line.trimStart();
      if (trimmed.startsWith("#")) continue;
      if (trimmed === "") {
        hasEmpty = true;
        continue;
      }
      const { text, isLast } = this.cutContinuation(line);
      parts.push(text);
      if (isLast) break;
    }
    if (hasEmpty) this.result.emptyContinuations.push({ range: lineRange(this.at) });
    return parts.join("");
  }

  private addInstruction(text: string, start: number): void {
    const { keyword, flags, rest } = splitInstruction(text);
    const line: ParsedLine = {
      keyword,
      flags,
      rest,
      original: text,
      range: lineRange(start, this.at),
      heredocs: [],
      comments: this.comments,
    };
    this.comments = [];
    const heredocs = this.atLines(start, () => {
      checkLineForm(keyword, rest, this.result.escape);
      return mayHaveHeredocs(keyword, rest) ? readHeredocs(text) : [];
    });
    for (const heredoc of heredocs) line.heredocs.push(this.readHeredocBody(heredoc, start));
    line.range = lineRange(start, this.at);
    this.result.lines.push(line);
  }

  /** Errors get the lines that were read so far. */
  private atLines<T>(start: number, read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw error instanceof NaruError ? this.error(error.message, start, this.at) : error;
    }
  }

  private readHeredocBody(heredoc: Heredoc, start: number): Heredoc {
    const content: string[] = [];
    while (this.at < this.source.length) {
      const raw = this.source[this.at]!;
      const line = this.readLine();
      if ((heredoc.chomp ? line.replace(/^\t+/, "") : line) === heredoc.name) {
        return { ...heredoc, content: content.join("") };
      }
      content.push(raw);
    }
    throw this.error("unterminated heredoc", start, this.at);
  }
}

/** ONBUILD has those of its trigger; the JSON form has none. */
function mayHaveHeredocs(keyword: string, rest: string): boolean {
  if (keyword.toUpperCase() === "ONBUILD") {
    const trigger = splitInstruction(rest);
    return trigger.keyword.toUpperCase() !== "ONBUILD" && mayHaveHeredocs(trigger.keyword, trigger.rest);
  }
  return HEREDOC_KEYWORDS.has(keyword.toUpperCase()) && !isJsonList(rest);
}
