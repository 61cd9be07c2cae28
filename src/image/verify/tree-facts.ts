/** What a layer's tar says about every path, so that two of them can be compared: the one that came, and one made of its files. */
import { fromRaw } from "../../linux/file-calls.ts";
import { splitRaw } from "../../linux/rooted-tree.ts";
import { entryPath, hardLinkPath } from "../archive-names.ts";
import type { TarEntry } from "../tar-header.ts";
import type { TarSink } from "../tar-reader.ts";

type Facts = Record<
  "type" | "mode" | "owner" | "size" | "time" | "target" | "device" | "attributes" | "content",
  string
>;

const WHITEOUT_PREFIX = ".wh.";
const OPAQUE_WHITEOUT = ".wh..wh..opq";
/** Not taken over when a layer is unpacked, see tree-writer.ts. */
const IGNORED_XATTRS = /^(trusted|user)\.overlay\./;

export class TreeFacts implements TarSink {
  /** By raw path; hard links have the facts of their file. */
  private readonly paths = new Map<string, Facts>();
  /** Raw paths of names that hide what lies below the layer. */
  private readonly hidden = new Set<string>();
  private current: { facts: Facts; hash: Bun.CryptoHasher } | undefined;

  begin(entry: TarEntry): void {
    const path = entryPath(entry);
    const [parent, name] = splitRaw(path);
    if (name.startsWith(WHITEOUT_PREFIX)) {
      this.hide(parent, name);
      return;
    }
    if (entry.type !== "directory") this.forgetBelow(path);
    const facts = entry.type === "hardlink" ? this.paths.get(hardLinkPath(entry)) : factsOf(entry);
    if (facts === undefined) return;
    this.paths.set(path, facts);
    if (entry.type === "file") this.current = { facts, hash: new Bun.CryptoHasher("sha256") };
  }

  data(chunk: Buffer, offset: number, length: number): void {
    this.current?.hash.update(chunk.subarray(offset, offset + length));
  }

  end(): void {
    if (this.current) this.current.facts.content = this.current.hash.digest("hex");
    this.current = undefined;
  }

  /** How `files`, packed from an unpacked layer, differs from this, the layer that came; a line each. */
  differences(files: TreeFacts): string[] {
    const found: string[] = [];
    for (const [path, expected] of this.paths) {
      const actual = files.paths.get(path);
      const name = `/${fromRaw(path)}`;
      // The archive need not tell of the layer's root, nor the files.
      if (path === "") continue;
      if (actual === undefined) found.push(`${name} is missing`);
      else found.push(...differing(name, expected, actual));
    }
    for (const path of files.paths.keys()) {
      if (path !== "" && !this.paths.has(path) && !this.isParent(path))
        found.push(`/${fromRaw(path)} is not in the layer`);
    }
    for (const path of this.hidden) {
      const isReplaced = this.paths.has(path);
      if (!isReplaced && !files.hidden.has(path)) found.push(`/${fromRaw(path)} is not hidden`);
    }
    return found;
  }

  /** Archives may leave out the directories above their files. */
  private isParent(path: string): boolean {
    for (const known of [...this.paths.keys(), ...this.hidden]) if (known.startsWith(`${path}/`)) return true;
    return false;
  }

  private hide(parent: string, name: string): void {
    const inside = (child: string) => (parent === "" ? child : `${parent}/${child}`);
    if (name === OPAQUE_WHITEOUT) this.hidden.add(inside(name));
    // ".wh..wh.*" are aufs' own files.
    else if (!name.startsWith(`${WHITEOUT_PREFIX}${WHITEOUT_PREFIX}`))
      this.hidden.add(inside(name.slice(WHITEOUT_PREFIX.length)));
  }

  private forgetBelow(path: string): void {
    if (this.paths.get(path)?.type !== "directory") return;
    for (const known of [...this.paths.keys()]) if (known.startsWith(`${path}/`)) this.paths.delete(known);
  }
}

function factsOf(entry: TarEntry): Facts {
  const { type, mode, uid, gid, size, modifiedAt, linkPath, major, minor, xattrs } = entry;
  const attributes = [...xattrs]
    .filter(([key]) => !IGNORED_XATTRS.test(key))
    .map(([key, value]) => `${key}=${Buffer.from(value).toString("hex")}`);
  return {
    type,
    // A link has no permissions of its own.
    mode: type === "symlink" ? "" : mode.toString(8),
    owner: `${uid}:${gid}`,
    size: String(size),
    time: `${modifiedAt.seconds}.${String(modifiedAt.nanoseconds).padStart(9, "0")}`,
    target: type === "symlink" ? fromRaw(linkPath) : "",
    device: type === "character" || type === "block" ? `${major}:${minor}` : "",
    attributes: attributes.sort().join(" "),
    content: "",
  };
}

function differing(name: string, expected: Facts, actual: Facts): string[] {
  for (const field of Object.keys(expected) as (keyof Facts)[]) {
    if (expected[field] === actual[field]) continue;
    if (field === "content") return [`${name} has other content`];
    return [`${name} has the ${field} ${actual[field] || "none"} instead of ${expected[field] || "none"}`];
  }
  return [];
}
