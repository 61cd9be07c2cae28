/** What an archive of `docker save` says of its only image, in a form that can be compared between engines. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContainerConfig } from "../../src/model/container.ts";
import type { ImageConfig } from "../../src/model/image.ts";

export interface SavedImage {
  config: ContainerConfig;
  author?: string;
  /** "layer | comment | created by", or "empty | …". */
  history: string[];
  /** Of each layer that is not empty, its entries: "-rw-r--r-- 0/0 2 x/f.txt". */
  layers: string[][];
}

/** Places that a root without them gets for its processes' mounts; engines differ in leaving them there. */
const STUBS = /^d\S+ 0\/0 0 (dev|etc|proc|sys|run)\/$/;

export async function readSavedImage(archive: string): Promise<SavedImage> {
  const directory = await mkdtemp(join(tmpdir(), "naru-saved-"));
  try {
    await tar(["-xf", archive, "-C", directory]);
    const [{ Config, Layers }] = (await Bun.file(join(directory, "manifest.json")).json()) as [
      { Config: string; Layers: string[] | null },
    ];
    const { config = {}, author, history = [] } = (await Bun.file(join(directory, Config)).json()) as ImageConfig;
    const layers = await Promise.all((Layers ?? []).map((path) => layerEntries(join(directory, path))));
    const lines = history.map(({ created_by = "", empty_layer = false, comment = "" }) =>
      [empty_layer ? "empty" : "layer", comment, created_by].join(" | "),
    );
    return { config, author, history: lines, layers: layers.filter((entries) => entries.length > 0) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function layerEntries(path: string): Promise<string[]> {
  const listing = await tar(["--numeric-owner", "--quoting-style=escape", "-tvf", path]);
  const lines = listing.split("\n").filter(Boolean);
  const entries = lines.map((line) => {
    const [, mode, owner, size, name] = /^(\S+) +(\S+) +(\S+) \S+ \S+ (.*)$/.exec(line) ?? [];
    // An opaque directory's mark has no mode that anybody would see.
    return name?.endsWith(".wh..wh..opq") ? `opaque ${name}` : `${mode} ${owner} ${size} ${name}`;
  });
  return entries.filter((entry) => !STUBS.test(entry)).toSorted();
}

async function tar(args: string[]): Promise<string> {
  const child = Bun.spawn(["tar", ...args], { stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`tar ${args.join(" ")}: ${err}`);
  return out;
}
