/** COPY and ADD with their flags, sources and here-documents. */
import { NaruError } from "../../lib/errors.ts";
import type { AddInstruction, CopyInstruction, InlineFile, ParsedLine, Unplaced } from "./ast.ts";
import { readFlags } from "./flags.ts";
import { chomped, readHeredocWord } from "./heredoc.ts";
import { readJsonList } from "./json-form.ts";
import { blankSeparated } from "./words.ts";

const COMMON_FLAGS = { chown: "text", chmod: "text", link: "bool", exclude: "texts" } as const;
const COPY_FLAGS = { ...COMMON_FLAGS, from: "text", parents: "bool" } as const;
const ADD_FLAGS = { ...COMMON_FLAGS, checksum: "text", "keep-git-dir": "bool", unpack: "bool" } as const;

export function readCopy(line: ParsedLine): Unplaced<CopyInstruction> {
  const words = argumentsOf(line, "COPY");
  const flags = readFlags(line.flags, COPY_FLAGS);
  return {
    kind: "COPY",
    ...readPaths(line, words, "COPY"),
    ...readCommon(flags),
    from: flags.from ?? "",
    parents: flags.parents ?? false,
    flags: line.flags,
  };
}

export function readAdd(line: ParsedLine): Unplaced<AddInstruction> {
  const words = argumentsOf(line, "ADD");
  const flags = readFlags(line.flags, ADD_FLAGS);
  return {
    kind: "ADD",
    ...readPaths(line, words, "ADD"),
    ...readCommon(flags),
    checksum: flags.checksum ?? "",
    keepGitDir: flags["keep-git-dir"],
    unpack: flags.unpack,
    flags: line.flags,
  };
}

function readCommon(flags: { chown?: string; chmod?: string; link?: boolean; exclude?: string[] }) {
  const { chown = "", chmod = "", link = false, exclude = [] } = flags;
  return { chown, chmod, link, excludes: exclude };
}

function argumentsOf(line: ParsedLine, keyword: string): string[] {
  const words = readJsonList(line.rest) ?? blankSeparated(line.rest);
  if (words.length >= 2) return words;
  const message = `${keyword} requires at least two arguments, but only one was provided. Destination could not be determined`;
  throw new NaruError("invalid", message);
}

function readPaths(line: ParsedLine, words: readonly string[], keyword: string) {
  const destination = words.at(-1)!;
  if (heredocWord(destination)) {
    throw new NaruError("invalid", `${keyword} cannot accept a heredoc as a destination`);
  }
  const sources: string[] = [];
  const inlineFiles: InlineFile[] = [];
  for (const source of words.slice(0, -1)) {
    const heredoc = heredocWord(source);
    if (!heredoc) {
      sources.push(source);
      continue;
    }
    // The JSON form has no texts, but such words all the same.
    const text = line.heredocs.findLast(({ name }) => name === heredoc.name)?.content ?? "";
    const content = heredoc.chomp ? chomped(text) : text;
    inlineFiles.push({ path: heredoc.name, content, expand: heredoc.expand });
  }
  return { sources, inlineFiles, destination };
}

/** A word that only looks like a here-document is a path. */
function heredocWord(word: string) {
  try {
    return readHeredocWord(word);
  } catch (error) {
    if (error instanceof NaruError) return undefined;
    throw error;
  }
}
