/**
 * Which part of a context a build reads, by the paths that its instructions name. Links on the way are followed inside the
 * context, so that what they lead to travels too. More than the exact files may be included: the builder selects again.
 */
import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { compileGlob } from "../../lib/glob-pattern.ts";
import { cleanPattern } from "../../lib/ignore-patterns.ts";

/** A directory on the way to what is included, or something that is included with all below it. */
export interface IncludedNode {
  isWhole: boolean;
  children: Map<string, IncludedNode>;
}

const WILDCARD = /[*?[\\]/;
/** As the kernel's limit for links on a path. */
const MAX_LINKS = 40;

/** Everything when there are no paths. */
export function includedPaths(root: string, paths: readonly string[] | undefined): IncludedNode {
  const top: IncludedNode = { isWhole: paths === undefined || paths.length === 0, children: new Map() };
  for (const path of paths ?? []) {
    for (const found of expand(root, partsOf(path))) include(top, found);
  }
  return top;
}

function partsOf(path: string): string[] {
  const cleaned = cleanPattern(path).replace(/^\/+/, "");
  return cleaned === "." || cleaned === "" ? [] : cleaned.split("/");
}

function include(top: IncludedNode, parts: readonly string[]): void {
  let node = top;
  for (const part of parts) {
    let child = node.children.get(part);
    if (child === undefined) {
      child = { isWhole: false, children: new Map() };
      node.children.set(part, child);
    }
    node = child;
  }
  node.isWhole = true;
}

/** A part of a path: a name as it stands, or a pattern. */
interface Part {
  text: string;
  isPattern: boolean;
}

function readPart(text: string): Part {
  const isPattern = WILDCARD.test(text);
  return { text, isPattern };
}

function literal(text: string): Part {
  return { text, isPattern: false };
}

/** The paths, in parts, that a path with wildcards and links stands for. */
function* expand(root: string, wanted: readonly string[]): Generator<string[]> {
  const queue: { done: string[]; rest: Part[]; links: number }[] = [{ done: [], rest: wanted.map(readPart), links: 0 }];
  for (let at = 0; at < queue.length; at += 1) {
    const { done, rest, links } = queue[at]!;
    const [part, ...below] = rest;
    if (part === undefined || (part.isPattern && part.text === "**")) yield done;
    else if (part.isPattern) {
      for (const name of matching(join(root, ...done), part.text)) {
        queue.push({ done, rest: [literal(name), ...below], links });
      }
    } else if (part.text === "..") queue.push({ done: done.slice(0, -1), rest: below, links });
    else if (part.text === ".") queue.push({ done, rest: below, links });
    else {
      const here = [...done, part.text];
      const target = linkTarget(join(root, ...here));
      if (target === undefined) queue.push({ done: here, rest: below, links });
      else {
        yield here;
        const base = target.startsWith("/") ? [] : done;
        const parts = target.split("/").filter(Boolean).map(literal);
        if (links < MAX_LINKS) queue.push({ done: base, rest: [...parts, ...below], links: links + 1 });
      }
    }
  }
}

function matching(directory: string, pattern: string): string[] {
  const glob = compileGlob(pattern);
  try {
    return readdirSync(directory).filter((name) => glob.matches(name));
  } catch {
    // No such directory: the builder says what is missing.
    return [];
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    return undefined;
  }
}
