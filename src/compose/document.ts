import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  type Scalar,
} from "yaml";
import { NaruError } from "../lib/errors.ts";

/** A value of a Compose file: what YAML gives, with maps as objects without prototype. */
export type Value = null | boolean | number | string | Value[] | Tree;
export interface Tree {
  [key: string]: Value;
}
/** Where a value stands; lines and columns count from 1. */
interface Position {
  file: string;
  line: number;
  column: number;
}
export type Positions = Map<string, Position>;
/** One document of a file, read: its tree, where each path (`services.a.image`) stands, and the paths tagged `!reset` and `!override`. */
export interface ComposeDocument {
  tree: Tree;
  positions: () => Positions;
  resets: Set<string>;
  overrides: Set<string>;
}

export const isTree = (value: unknown): value is Tree =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const newTree = (): Tree => Object.create(null) as Tree;
export const joinPath = (path: string, key: string | number) => (path === "" ? String(key) : `${path}.${key}`);

/**
 * Reads YAML as docker compose does (go-yaml's scalars, merge keys, two tags): one document or several. Throws "invalid" with line
 * and column.
 */
export function parseComposeDocuments(text: string, file: string): ComposeDocument[] {
  const lines = new LineCounter();
  // "failsafe" keeps scalars as written; what they mean is decided below, by go-yaml's rules.
  const found = parseAllDocuments(text, {
    lineCounter: lines,
    schema: "failsafe",
    uniqueKeys: false,
    logLevel: "silent",
  });
  const documents = Array.isArray(found) ? found : [];
  const filled = documents.filter(({ contents, errors }) => contents !== null || errors.length > 0);
  if (filled.length === 0) throw new NaruError("invalid", "empty compose file");
  return filled.map((document) => readComposeDocument(document, lines, file));
}

function readComposeDocument(document: Document.Parsed, lines: LineCounter, file: string): ComposeDocument {
  const failure = document.errors[0];
  if (failure) {
    const at = lines.linePos(failure.pos[0]);
    const words = failure.message.split("\n")[0]!.replace(/ at line \d+, column \d+:$/, "");
    throw new NaruError("invalid", `failed to parse ${file}: yaml: line ${at.line}, column ${at.col}: ${words}`);
  }
  const reader = new NodeReader(file, lines, (alias) =>
    document.contents && isAlias(alias) ? alias.resolve(document) : undefined,
  );
  const tree = reader.value(document.contents as Node, "");
  if (!isTree(tree)) throw new NaruError("invalid", `${file}: top-level object must be a mapping`);
  return { tree, positions: () => reader.positions, resets: reader.resets, overrides: reader.overrides };
}

/** The most values one file may unfold to: aliases of aliases grow beyond all bounds. */
const MOST_VALUES = 1_000_000;

class NodeReader {
  readonly positions: Positions = new Map();
  readonly resets = new Set<string>();
  readonly overrides = new Set<string>();
  private count = 0;
  private readonly open = new Set<Node>();

  constructor(
    private readonly file: string,
    private readonly lines: LineCounter,
    private readonly resolve: (alias: Node) => Node | undefined,
  ) {}

  value(node: Node | null, path: string): Value {
    if (node === null) return null;
    if (++this.count > MOST_VALUES) this.fail(node, "document contains excessive aliasing");
    if (isAlias(node)) {
      const target = this.resolve(node);
      if (target === undefined) this.fail(node, `unknown anchor '${node.source}' referenced`);
      if (this.open.has(target)) this.fail(node, `anchor '${node.source}' value contains itself`);
      return this.value(target, path);
    }
    this.note(node, path);
    if (node.tag === "!reset") this.resets.add(path);
    if (node.tag === "!override") this.overrides.add(path);
    this.open.add(node);
    try {
      if (isMap(node)) return this.map(node.items as Pair<Node, Node>[], path);
      if (isSeq(node)) return node.items.map((item, index) => this.value(item as Node, joinPath(path, index)));
      return isScalar(node) ? scalarValue(node) : null;
    } finally {
      this.open.delete(node);
    }
  }

  private map(pairs: Pair<Node, Node>[], path: string): Tree {
    const tree = newTree();
    const seen = new Map<string, number>();
    for (const { key, value } of pairs) {
      const name = isScalar(key) ? String(key.value) : "";
      if (!isScalar(key)) this.fail(key, `non-string key${path === "" ? " at top level" : ` in ${path}`}`);
      if (name === "<<" && key.type === "PLAIN") continue;
      const line = this.lines.linePos(key.range![0]).line;
      if (seen.has(name)) {
        throw new NaruError(
          "invalid",
          `failed to parse ${this.file}: line ${line}: mapping key "${name}" already defined at line ${seen.get(name)}`,
        );
      }
      seen.set(name, line);
      tree[name] = this.value(value, joinPath(path, name));
      this.note(key, joinPath(path, name));
    }
    for (const { key, value } of pairs) {
      if (isScalar(key) && key.value === "<<" && key.type === "PLAIN") this.mergeInto(tree, value, path);
    }
    return tree;
  }

  /** A merge key (`<<`): keys of the map's own win, then those of the map named first. */
  private mergeInto(tree: Tree, node: Node | null, path: string): void {
    const merged = this.value(node, `${path}.<<`);
    for (const source of Array.isArray(merged) ? merged : [merged]) {
      if (!isTree(source)) this.fail(node ?? ({} as Node), "map merge requires map or sequence of maps as the value");
      for (const key in source) tree[key] ??= source[key]!;
    }
  }

  private note(node: Node, path: string): void {
    if (!node.range) return;
    const { line, col } = this.lines.linePos(node.range[0]);
    this.positions.set(path, { file: this.file, line, column: col });
  }

  private fail(node: Node, words: string): never {
    const { line, col } = this.lines.linePos(node.range?.[0] ?? 0);
    throw new NaruError("invalid", `failed to parse ${this.file}: yaml: line ${line}, column ${col}: ${words}`);
  }
}

/** The value of a scalar as written. Quoted text and text tagged `!!str` stays text. */
function scalarValue(node: Scalar): Value {
  const text = String(node.value ?? "");
  if (node.tag === "tag:yaml.org,2002:str") return text;
  return node.type === "PLAIN" || node.type === undefined ? plainValue(text) : text;
}

/** What a plain scalar means to go-yaml v3: YAML 1.2's words, and YAML 1.1's octal numbers. */
export function plainValue(text: string): Value {
  if (/^(?:~|null|Null|NULL|)$/.test(text)) return null;
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  const digits = text.replaceAll("_", "");
  if (!/^[-+.\d]/.test(text)) return text;
  const based = /^([-+]?)(?:0o?([0-7]+)|(0[xX][\da-fA-F]+|0b[01]+))$/.exec(digits);
  if (based) {
    const size = based[2] !== undefined ? Number.parseInt(based[2], 8) : Number(based[3]);
    return based[1] === "-" ? -size : size;
  }
  if (/^[-+]?(?:\d+|(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?)$/.test(digits)) return Number(digits);
  if (/^[-+]?\.(?:inf|Inf|INF)$/.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  if (/^\.(?:nan|NaN|NAN)$/.test(text)) return Number.NaN;
  return text;
}
