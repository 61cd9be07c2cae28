/** Unpacked layers of an image on the disk, for what reads images. */
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { run } from "./daemon.ts";

/** Content by path. A path that ends in "/" is a directory. */
export type LayerFiles = Record<string, string | Uint8Array | { link: string } | { program: Uint8Array } | "whiteout">;

export interface LayerTrees extends AsyncDisposable {
  /** Newest first, as readers take them. */
  layers: string[];
}

/** `layers` come oldest first, as one writes them. Whiteouts and opaque directories (a file ".opaque" in them) need root. */
export async function layerTrees(...layers: LayerFiles[]): Promise<LayerTrees> {
  const root = await mkdtemp(join(tmpdir(), "naru-layers-"));
  const directories: string[] = [];
  for (const [index, files] of layers.entries()) {
    const directory = join(root, String(index));
    await mkdir(directory);
    for (const [path, content] of Object.entries(files)) await put(join(directory, path), content);
    directories.unshift(directory);
  }
  return { layers: directories, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
}

async function put(path: string, content: LayerFiles[string]): Promise<void> {
  await mkdir(path.endsWith("/") ? path : dirname(path), { recursive: true });
  if (path.endsWith("/")) return;
  if (path.endsWith("/.opaque")) await mustRun(["setfattr", "-n", "trusted.overlay.opaque", "-v", "y", dirname(path)]);
  else if (content === "whiteout") await mustRun(["mknod", path, "c", "0", "0"]);
  else if (typeof content === "object" && "link" in content) await symlink(content.link, path);
  else if (typeof content === "object" && "program" in content) {
    await writeFile(path, content.program);
    await chmod(path, 0o755);
  } else await writeFile(path, content);
}

async function mustRun(command: string[]): Promise<void> {
  const { code, stderr } = await run(command);
  if (code !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
}
