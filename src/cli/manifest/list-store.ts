/** Manifest lists that are being put together: a folder each under `manifests/` of the configuration, a file per member. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ManifestEntry } from "./manifest-entry.ts";

export class ListStore {
  private readonly root: string;

  constructor(configDir: string) {
    this.root = join(configDir, "manifests");
  }

  /** The members of a list in the order of their names; undefined when there is no such list. */
  async findList(list: string): Promise<ManifestEntry[] | undefined> {
    const folder = join(this.root, fileName(list));
    const names = await readdir(folder).catch(() => undefined);
    if (names === undefined) return undefined;
    const texts = await Promise.all(names.sort().map((name) => readFile(join(folder, name), "utf8")));
    return texts.map((text) => JSON.parse(text));
  }

  async findMember(list: string, member: string): Promise<ManifestEntry | undefined> {
    const text = await readFile(join(this.root, fileName(list), fileName(member)), "utf8").catch(() => undefined);
    return text === undefined ? undefined : JSON.parse(text);
  }

  async save(list: string, entry: ManifestEntry): Promise<void> {
    const folder = join(this.root, fileName(list));
    await mkdir(folder, { recursive: true });
    const path = join(folder, fileName(entry.Ref));
    // Beside the folder, so that no reader takes the unfinished file for a member.
    const partial = join(this.root, `.${fileName(entry.Ref)}-${process.pid}`);
    await writeFile(partial, JSON.stringify(entry));
    await rename(partial, path);
  }

  async remove(list: string): Promise<void> {
    await rm(join(this.root, fileName(list)), { recursive: true, force: true });
  }
}

/** "docker.io/library/a:1" lies in "docker.io_library_a-1", as docker has it. */
function fileName(reference: string): string {
  return reference.replaceAll(":", "-").replaceAll("/", "_");
}
