/** Temporary mounts of containers' roots with their volumes, running or not. Nobody else's mounts see them. */
import { mkdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { NaruError } from "../lib/errors.ts";
import { closeFd, O, openInRoot, openPath, S, statFd, toRaw } from "../linux/file-calls.ts";
import { bindMount, makePrivate, mountOverlay, remountBindReadOnly, unmount } from "../linux/mount.ts";
import { listMountsBelow } from "../linux/mount-table.ts";
import { RootedTree, splitRaw } from "../linux/rooted-tree.ts";
import type { OverlayRoot } from "../runtime/contract.ts";
import type { ContainerLayer, RootView } from "./contract.ts";
import { randomName } from "./data-layout.ts";

export interface ViewBind {
  source: string;
  destination: string;
  readOnly: boolean;
}

interface SharedView {
  path: Promise<string>;
  users: number;
}

export class RootViews {
  private readonly directory: string;
  private readonly monitorPath: string;
  private prepared: Promise<void> | undefined;
  private mounted = 0;
  /** One mount per container that does not run: two with the same upper directory would not see each other's changes. */
  private readonly shared = new Map<string, SharedView>();

  constructor({ execRoot, monitorPath }: { execRoot: string; monitorPath: string }) {
    this.directory = join(execRoot, "mounts");
    this.monitorPath = monitorPath;
  }

  /** Unmounts what an earlier process left. */
  async sweep(): Promise<void> {
    const points = await listMountsBelow(this.directory);
    for (const point of points.reverse()) unmount(point);
  }

  /** The container's root with the volumes bound inside, writable. */
  async open(layer: ContainerLayer, binds: ViewBind[], runningPid?: number): Promise<RootView> {
    if (runningPid !== undefined) {
      const path = await this.mountWithBinds((target) => this.mountRootOf(runningPid, target), binds);
      return { path, close: once(() => this.unmountView(path)) };
    }
    const { containerId } = layer;
    const mountLayer = (target: string) => mountOverlay(layer.root, target);
    const view = this.shared.get(containerId) ?? { path: this.mountWithBinds(mountLayer, binds), users: 0 };
    this.shared.set(containerId, view);
    view.users += 1;
    try {
      const path = await view.path;
      return { path, close: once(() => this.leave(containerId, view)) };
    } catch (error) {
      this.shared.delete(containerId);
      throw error;
    }
  }

  /** A second mount of an overlay's directories would be undefined behaviour, so the running one's own mount is copied. */
  private async mountRootOf(pid: number, target: string): Promise<void> {
    const child = Bun.spawn([this.monitorPath, "root-view", `/proc/${pid}/ns/mnt`, target], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const [code, message] = await Promise.all([child.exited, child.stderr.text()]);
    if (code !== 0) throw new NaruError("conflict", `the container's files cannot be reached: ${message.trim()}`);
  }

  /** Layers without anything bound in, read-only. */
  async openReadOnly({ lowerDirs, upperDir }: OverlayRoot): Promise<RootView> {
    const path = await this.mountNew((target) => mountOverlay({ lowerDirs: [upperDir, ...lowerDirs] }, target));
    return { path, close: once(() => this.unmountView(path)) };
  }

  private async makeDirectory(): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    // Private, or every container started meanwhile would get a copy of the view.
    bindMount(this.directory, this.directory);
    makePrivate(this.directory);
  }

  private async mountNew(mountOn: (target: string) => void | Promise<void>): Promise<string> {
    const path = join(this.directory, randomName());
    this.mounted += 1;
    try {
      this.prepared ??= this.makeDirectory();
      await this.prepared;
      await mkdir(path, { mode: 0o700 });
      await mountOn(path);
    } catch (error) {
      await this.unmountView(path);
      throw error;
    }
    return path;
  }

  private async mountWithBinds(mountOn: (target: string) => void | Promise<void>, binds: ViewBind[]): Promise<string> {
    const path = await this.mountNew(mountOn);
    try {
      for (const bind of binds) bindInside(path, bind);
    } catch (error) {
      await this.unmountView(path);
      throw error;
    }
    return path;
  }

  private async leave(containerId: string, view: SharedView): Promise<void> {
    view.users -= 1;
    if (view.users > 0) return;
    if (this.shared.get(containerId) === view) this.shared.delete(containerId);
    await this.unmountView(await view.path);
  }

  private async unmountView(path: string): Promise<void> {
    unmount(path);
    // What still holds it leaves an empty directory behind, which the next reboot takes.
    await rmdir(path).catch(() => {});
    this.mounted -= 1;
    // Nothing stays mounted when nobody looks.
    if (this.mounted > 0) return;
    this.prepared = undefined;
    unmount(this.directory);
  }
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= work();
    return done;
  };
}

/** Binds a volume onto its place in the view; the place is resolved inside the view and made when it is missing. */
function bindInside(root: string, { source, destination, readOnly }: ViewBind): void {
  const sourceFd = openPath(source, O.PATH);
  try {
    const isDirectory = (statFd(sourceFd).mode & S.IFMT) === S.IFDIR;
    const target = openPlace(root, toRaw(destination).replace(/^\/+|\/+$/g, ""), isDirectory);
    try {
      // By descriptor: the path could have links that lead out of the view.
      bindMount(`/proc/self/fd/${sourceFd}`, `/proc/self/fd/${target}`, { recursive: true });
      if (readOnly) remountReadOnly(root, destination);
    } finally {
      closeFd(target);
    }
  } finally {
    closeFd(sourceFd);
  }
}

function openPlace(root: string, path: string, isDirectory: boolean): number {
  const tree = RootedTree.open(root);
  try {
    if (isDirectory) {
      tree.directory(path, { create: true });
      return openInRoot(tree.root, path, O.PATH | O.DIRECTORY);
    }
    const [parent, name] = splitRaw(path);
    tree.directory(parent, { create: true });
    closeFd(openInRoot(tree.root, `${parent}/${name}`, O.RDONLY | O.CREAT | O.NONBLOCK, 0o644));
    return openInRoot(tree.root, path, O.PATH);
  } finally {
    tree.close();
  }
}

/** The descriptor from before still means what lies under the new mount, so the place is looked up again. */
function remountReadOnly(root: string, destination: string): void {
  const rootFd = openPath(root, O.PATH | O.DIRECTORY);
  try {
    const mounted = openInRoot(rootFd, toRaw(destination), O.PATH);
    try {
      remountBindReadOnly(`/proc/self/fd/${mounted}`);
    } finally {
      closeFd(mounted);
    }
  } finally {
    closeFd(rootFd);
  }
}
