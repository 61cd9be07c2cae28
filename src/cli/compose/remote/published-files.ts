/** The files of a project as they are published: what they name on this machine goes with them, under names without folders. */
import { readFile } from "node:fs/promises";
import { basename, dirname, isAbsolute, join } from "node:path";
import { isAlias, isMap, isScalar, isSeq, type Node, parseAllDocuments, type Scalar, type YAMLMap } from "yaml";
import { interpolate } from "../../../compose/interpolation.ts";
import { isRemoteFile } from "../../../compose/remote-address.ts";
import { CliError } from "../../cli-error.ts";
import type { PublishedFile } from "./project-artifact.ts";

type Variables = ReadonlyMap<string, string>;

/** A name in a file that is to be another one in what is published. */
interface Replacement {
  node: Scalar;
  name: string;
}

/**
 * Reads a project's files and all that they name by `extends`, `include` and `env_file`. Their text stays as it is, but for those
 * names. Throws CliError for a file that cannot be read.
 */
export async function readPublishedFiles(
  files: readonly string[],
  folder: string,
  variables: Variables,
): Promise<PublishedFile[]> {
  const collection = new FileCollection(variables);
  for (const path of files) await collection.add({ path, folder, name: basename(path), kind: "compose" });
  return collection.all();
}

interface ComposeFile {
  path: string;
  /** What paths in it refer to. */
  folder: string;
  name: string;
  kind: "compose" | "named";
}

class FileCollection {
  private readonly own: PublishedFile[] = [];
  private readonly named = new Map<string, PublishedFile>();
  private readonly env = new Map<string, PublishedFile>();

  constructor(private readonly variables: Variables) {}

  /** The project's own files first, as readers lay them over each other. */
  all(): PublishedFile[] {
    return [...this.own, ...this.named.values(), ...this.env.values()];
  }

  async add(file: ComposeFile): Promise<void> {
    const text = await readText(file.path);
    const replacements: Replacement[] = [];
    for (const document of parseAllDocuments(text, { logLevel: "silent" })) {
      const resolve = (node: unknown) => (isAlias(node) ? node.resolve(document as never) : node) as Node | undefined;
      const names = new NamedFiles(resolve);
      names.read(document.contents as Node | null);
      for (const { node, ...wanted } of names.found) {
        const name = await this.nameFor(String(node.value), wanted, file);
        if (name !== undefined) replacements.push({ node, name });
      }
    }
    const bytes = new TextEncoder().encode(replaced(text, replacements));
    const entry = { kind: file.kind, name: file.name, bytes };
    if (file.kind === "compose") this.own.push(entry);
    else this.named.set(file.path, entry);
  }

  /** The name under which a file goes along; undefined for one that everybody can fetch. */
  private async nameFor(
    text: string,
    { kind, isRequired }: Pick<NamedFile, "kind" | "isRequired">,
    { name: namedBy, folder }: ComposeFile,
  ): Promise<string | undefined> {
    const wanted = interpolate(
      text,
      (name) => this.variables.get(name),
      () => {},
    );
    if (isRemoteFile(wanted)) return undefined;
    const path = isAbsolute(wanted) ? wanted : join(folder, wanted);
    const name = `${new Bun.CryptoHasher("sha256").update(path).digest("hex")}.${kind === "env" ? "env" : "yaml"}`;
    if (kind === "env") {
      const bytes = await readEnvFile(path, isRequired, namedBy);
      if (bytes !== undefined) this.env.set(path, { kind, name, bytes });
    } else if (!this.named.has(path)) {
      // Noted before it is read: files may name each other.
      this.named.set(path, { kind: "named", name, bytes: new Uint8Array() });
      await this.add({ path, folder: dirname(path), name, kind: "named" });
    }
    return name;
  }
}

/** A name of a file in a Compose document. */
interface NamedFile {
  node: Scalar;
  kind: "compose" | "env";
  /** False for variables that need not be there. */
  isRequired: boolean;
}

/** Finds the names of files in a Compose document. */
class NamedFiles {
  readonly found: NamedFile[] = [];
  private readonly seen = new Set<Node>();

  constructor(private readonly resolve: (node: unknown) => Node | undefined) {}

  read(root: Node | null): void {
    if (!isMap(root)) return;
    const services = this.resolve(root.get("services", true));
    for (const { value } of isMap(services) ? services.items : []) this.readService(this.resolve(value));
    const include = this.resolve(root.get("include", true));
    for (const entry of isSeq(include) ? include.items : []) this.readInclude(this.resolve(entry));
  }

  private readService(service: Node | undefined): void {
    if (!isMap(service) || this.seen.has(service)) return;
    this.seen.add(service);
    for (const { key, value } of service.items) {
      const name = isScalar(key) ? key.value : undefined;
      const node = this.resolve(value);
      if (name === "env_file") this.noteEach(node, "path", "env");
      else if (name === "extends" && isMap(node)) this.note(this.keyOf(node, "file"), "compose");
      else if (name === "<<")
        for (const merged of isSeq(node) ? node.items : [node]) this.readService(this.resolve(merged));
    }
  }

  private readInclude(entry: Node | undefined): void {
    if (!isMap(entry)) {
      this.note(entry, "compose");
      return;
    }
    if (entry.has("project_directory")) {
      throw new CliError(
        "an include with a project_directory cannot be published, since folders do not go along: name its files by paths beside it",
      );
    }
    this.noteEach(this.keyOf(entry, "path"), "path", "compose");
    this.noteEach(this.keyOf(entry, "env_file"), "path", "env");
  }

  /** One name or a list of them; each may be a map with the name under `key`. */
  private noteEach(node: Node | undefined, key: string, kind: "compose" | "env"): void {
    for (const item of isSeq(node) ? node.items : [node]) {
      const each = this.resolve(item);
      if (isMap(each)) this.note(this.keyOf(each, key), kind, this.keyOf(each, "required"));
      else this.note(each, kind);
    }
  }

  private keyOf(map: YAMLMap, key: string): Node | undefined {
    return this.resolve(map.get(key, true));
  }

  private note(node: Node | undefined, kind: "compose" | "env", required?: Node): void {
    if (!isScalar(node) || this.seen.has(node)) return;
    this.seen.add(node);
    this.found.push({ node, kind, isRequired: !(isScalar(required) && required.value === false) });
  }
}

/** The text with other names, and nothing else changed. */
function replaced(text: string, replacements: readonly Replacement[]): string {
  let result = text;
  const fromBehind = replacements.toSorted((a, b) => b.node.range![0] - a.node.range![0]);
  for (const { node, name } of fromBehind)
    result = result.slice(0, node.range![0]) + name + result.slice(node.range![1]);
  return result;
}

/** Undefined where the file is not there and need not be. */
async function readEnvFile(path: string, isRequired: boolean, namedBy: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && !isRequired) return undefined;
    throw new CliError(`the env file ${path} of ${namedBy} cannot be published: ${message}`);
  }
}

async function readText(path: string): Promise<string> {
  if (path === "-") throw new CliError("a project from standard input cannot be published: give its file with -f");
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new CliError(`${path} cannot be published: ${(error as Error).message}`);
  }
}
