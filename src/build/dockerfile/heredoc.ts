/** Here-documents: `<<EOF`, `<<-EOF`, `3<<EOF`; a quoted word means that nothing in the text is expanded. */
import { NaruError } from "../../lib/errors.ts";
import type { Heredoc } from "./ast.ts";
import { expand } from "./expansion.ts";

const HEREDOC = /^(\d*)<<(-?)([^<]+)$/;
const NO_VARIABLES: ReadonlyMap<string, string> = new Map();

/** A word of an instruction as a here-document without its content; undefined when it is none. @throws {NaruError} */
export function readHeredocWord(word: string): Heredoc | undefined {
  const match = HEREDOC.exec(word);
  if (!match) return undefined;
  const [, descriptor = "", dash, name = ""] = match;
  const options = { escape: "\\", keepsUnset: true } as const;
  const { words } = expand(name, NO_VARIABLES, options);
  if (words.length !== 1) return undefined;
  const quoted = expand(name, NO_VARIABLES, { ...options, keepsQuotes: true }).words[0] ?? "";
  return {
    name: words[0]!,
    content: "",
    expand: quoteCount(words[0]!) === quoteCount(quoted),
    chomp: dash === "-",
    fileDescriptor: Number(descriptor),
  };
}

/** All here-documents that a line begins, in order. @throws {NaruError} */
export function readHeredocs(line: string): Heredoc[] {
  if (!line.includes("<<")) return [];
  return shellWords(line)
    .map(readHeredocWord)
    .filter((heredoc) => heredoc !== undefined);
}

/** Words with their quotes and escapes; a line that the shell alone can read has no here-documents of ours. */
function shellWords(line: string): string[] {
  try {
    return expand(line, NO_VARIABLES, { escape: "\\", keepsQuotes: true, keepsEscapes: true, keepsUnset: true }).words;
  } catch (error) {
    if (error instanceof NaruError) return [];
    throw error;
  }
}

function quoteCount(text: string): number {
  return text.replace(/[^'"]/g, "").length;
}

/** The content without the tabs that begin its lines. */
export function chomped(content: string): string {
  return content.replace(/^\t+/gm, "");
}

/** What a step's name shows of a here-document: its first line. */
export function heredocSummary(content: string): string {
  const lines = content.trim().replaceAll("\r\n", "\n").split("\n");
  return lines.length > 1 ? `${lines[0]}...` : lines[0]!;
}
