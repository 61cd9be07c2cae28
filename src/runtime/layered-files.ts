/** Small files of a container's root file system, read before it is mounted. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { findLayeredEntry } from "../linux/overlay-layers.ts";
import type { OverlayRoot } from "./contract.ts";

/** More than any real account file; what an image claims beyond that is not read. */
const MAX_FILE_BYTES = 4 << 20;
const MAX_REMEMBERED_FILES = 128;

/** Reads files of overlay roots, remembering those of the (immutable) lower layers. */
export class LayeredFiles {
  /** Key: the file's identity on the host. */
  readonly #contents = new Map<string, Promise<string>>();

  /** The text of a regular file, "" when there is none. `path` is absolute, as the container sees it. */
  async read(root: OverlayRoot, path: string): Promise<string> {
    const entry = findLayeredEntry([root.upperDir, ...root.lowerDirs], path);
    if (entry?.kind !== "file") return "";
    const [place = ""] = entry.places;
    if (place.startsWith(`${root.upperDir}/`)) return readRegular(Buffer.from(place, "latin1"));
    const { device, inode, modifiedAt } = entry.status;
    const key = `${device}:${inode}:${modifiedAt.seconds}.${modifiedAt.nanoseconds}`;
    return this.#remembered(key, place);
  }

  #remembered(key: string, place: string): Promise<string> {
    const known = this.#contents.get(key);
    if (known !== undefined) return known;
    const text = readRegular(Buffer.from(place, "latin1"));
    text.catch(() => this.#contents.delete(key));
    this.#contents.set(key, text);
    if (this.#contents.size > MAX_REMEMBERED_FILES) this.#contents.delete(this.#contents.keys().next().value!);
    return text;
  }
}

/** Contents of a regular file that is not too large, else "". Never waits: a FIFO is opened without blocking. */
export async function readRegular(path: string | Buffer): Promise<string> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = await handle.stat();
    if (!status.isFile() || status.size > MAX_FILE_BYTES) return "";
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}
