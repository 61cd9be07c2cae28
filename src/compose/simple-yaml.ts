import { newTree, plainValue, type Tree, type Value } from "./document.ts";

interface Line {
  indent: number;
  text: string;
}

/** Texts with anything of this go to the whole parser: control characters, directives, several documents. */
const UNUSUAL = /[^\n\x20-\x7e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe]|^(?:---|\.\.\.|%)/m;
/** What a plain value does not begin with here: quotes and brackets have ways of their own, the rest is rare. */
const NOT_PLAIN = /^[&*!|>'"%@`{}[\],#?:]|^-(?: |$)/;
const DEEPEST = 50;

/** Not written in the simple way. */
class Unusual extends Error {}
const unusual = (): never => {
  throw new Unusual();
};

/**
 * Reads YAML as most Compose files are written: maps and lists in lines or in brackets, values in one line, comments. Undefined for
 * all else (anchors, tags, block scalars, escapes, values of several lines, mistakes), which the whole parser reads. It exists since that
 * one takes 13 ms for its first document, a third of an `up` with nothing to do.
 */
export function parseSimpleYaml(text: string): Tree | undefined {
  if (UNUSUAL.test(text)) return undefined;
  const lines: Line[] = [];
  for (const line of text.split("\n")) {
    const content = line.trimStart();
    if (content !== "" && !content.startsWith("#")) lines.push({ indent: line.length - content.length, text: content });
  }
  if (lines.length === 0) return undefined;
  try {
    const reader = new LineReader(lines);
    const tree = reader.map(lines[0]!.indent, 0);
    return reader.isAtEnd ? tree : undefined;
  } catch (error) {
    if (error instanceof Unusual) return undefined;
    throw error;
  }
}

class LineReader {
  private at = 0;

  constructor(private readonly lines: Line[]) {}

  get isAtEnd(): boolean {
    return this.at === this.lines.length;
  }

  /** The map whose keys stand at `indent`, from the current line on. */
  map(indent: number, depth: number): Tree {
    if (depth > DEEPEST) unusual();
    const tree = newTree();
    for (let line = this.lines[this.at]; line && line.indent >= indent; line = this.lines[this.at]) {
      if (line.indent > indent || isItem(line.text)) unusual();
      const entry = splitKey(line.text) ?? unusual();
      if (Object.hasOwn(tree, entry.key) || entry.key === "<<") unusual();
      this.at++;
      tree[entry.key] = entry.rest === "" ? this.below(indent, depth) : inlineValue(entry.rest);
    }
    return tree;
  }

  /** What stands below a key without a value in its line. */
  private below(indent: number, depth: number): Value {
    const next = this.lines[this.at];
    if (!next || next.indent < indent) return null;
    if (isItem(next.text)) return this.list(next.indent, depth + 1);
    return next.indent === indent ? null : this.block(next, depth);
  }

  private block(next: Line, depth: number): Value {
    if (splitKey(next.text)) return this.map(next.indent, depth + 1);
    // A value in a line of its own: in brackets or quotes it may be long, so it is not rare.
    this.at++;
    const after = this.lines[this.at];
    if (after && after.indent >= next.indent) unusual();
    return inlineValue(next.text);
  }

  private list(indent: number, depth: number): Value[] {
    if (depth > DEEPEST) unusual();
    const items: Value[] = [];
    for (let line = this.lines[this.at]; line && line.indent >= indent; line = this.lines[this.at]) {
      if (line.indent > indent) unusual();
      if (!isItem(line.text)) break;
      const content = line.text.slice(1).trimStart();
      if (content === "" || content.startsWith("#") || isItem(content)) unusual();
      const inner = line.indent + line.text.length - content.length;
      if (splitKey(content)) {
        // The item's map begins in this line.
        this.lines[this.at] = { indent: inner, text: content };
        items.push(this.map(inner, depth + 1));
      } else {
        this.at++;
        items.push(inlineValue(content));
      }
    }
    return items;
  }
}

const isItem = (text: string) => text === "-" || text.startsWith("- ");

/** `key: rest`, without a comment where nothing else follows; undefined for a line that is no entry of a map. */
function splitKey(text: string): { key: string; rest: string } | undefined {
  if (text[0] === "{" || text[0] === "[") return undefined;
  if (text[0] === '"' || text[0] === "'") {
    const { value, rest } = quoted(text);
    return /^:(?: |$)/.test(rest) ? { key: value, rest: restOf(rest.slice(1)) } : undefined;
  }
  const found = /^([^#]*?):(?: |$)/.exec(text);
  if (!found) return undefined;
  const key = found[1]!;
  if (key === "" || key.endsWith(" ") || NOT_PLAIN.test(key)) unusual();
  return { key, rest: restOf(text.slice(key.length + 1)) };
}

function restOf(text: string): string {
  const rest = text.trim();
  return rest.startsWith("#") ? "" : rest;
}

/** A value that ends in its line. */
function inlineValue(text: string): Value {
  if (text[0] === '"' || text[0] === "'") {
    const { value, rest } = quoted(text);
    checkEnd(rest);
    return value;
  }
  if (text[0] === "{" || text[0] === "[") {
    const flow = new FlowReader(text);
    const value = flow.value(0);
    checkEnd(flow.rest);
    return value;
  }
  const comment = text.indexOf(" #");
  const plain = (comment < 0 ? text : text.slice(0, comment)).trimEnd();
  if (NOT_PLAIN.test(plain) || /:(?: |$)/.test(plain)) unusual();
  return plainValue(plain);
}

/** Only a comment may follow. */
function checkEnd(rest: string): void {
  if (rest.trim() !== "" && !/^ +#/.test(rest)) unusual();
}

/** The text in quotes at the beginning. */
function quoted(text: string): { value: string; rest: string } {
  const isDouble = text[0] === '"';
  const found = isDouble ? /^"([^"\\]*)"/.exec(text) : /^'((?:[^']|'')*)'/.exec(text);
  if (!found) return unusual();
  const value = isDouble ? found[1]! : found[1]!.replaceAll("''", "'");
  return { value, rest: text.slice(found[0].length) };
}

/** Lists and maps in brackets, in one line. */
class FlowReader {
  private at = 0;

  constructor(private readonly text: string) {}

  get rest(): string {
    return this.text.slice(this.at);
  }

  value(depth: number): Value {
    if (depth > DEEPEST) unusual();
    const first = this.text[this.at];
    if (first === "{") return this.map(depth);
    if (first === "[") return this.list(depth);
    if (first === '"' || first === "'") return this.quoted();
    return plainValue(this.plain());
  }

  private list(depth: number): Value[] {
    const items: Value[] = [];
    this.at++;
    for (this.skip(); this.text[this.at] !== "]"; this.skip()) {
      items.push(this.value(depth + 1));
      this.separate("]");
    }
    this.at++;
    return items;
  }

  private map(depth: number): Tree {
    const tree = newTree();
    this.at++;
    for (this.skip(); this.text[this.at] !== "}"; this.skip()) {
      const first = this.text[this.at];
      const key = first === '"' || first === "'" ? this.quoted() : this.plain();
      if (!/^:(?: |$)/.test(this.rest) || key === "" || key === "<<" || Object.hasOwn(tree, key)) unusual();
      this.at++;
      this.skip();
      tree[key] = /[,}]/.test(this.text[this.at] ?? "") ? null : this.value(depth + 1);
      this.separate("}");
    }
    this.at++;
    return tree;
  }

  /** A comma, or the end. */
  private separate(end: string): void {
    this.skip();
    if (this.text[this.at] === ",") this.at++;
    else if (this.text[this.at] !== end) unusual();
  }

  private skip(): void {
    while (this.text[this.at] === " ") this.at++;
    if (this.at >= this.text.length) unusual();
  }

  private quoted(): string {
    const { value, rest } = quoted(this.rest);
    this.at = this.text.length - rest.length;
    return value;
  }

  private plain(): string {
    const found = /^(?:[^,[\]{}#:]|:(?![ ,[\]{}]|$)|(?<! )#)+/.exec(this.rest)?.[0] ?? unusual();
    if (NOT_PLAIN.test(found)) unusual();
    this.at += found.length;
    return found.trimEnd();
  }
}
