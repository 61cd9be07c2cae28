/**
 * The kernel lets a process change its cgroup only after an RCU grace period, 6 to 15 ms, unless one did so just before
 * (cgroup_threadgroup_rwsem; see also "favordynmods" in cgroup-v2.rst). Every start of a container would wait for that:
 * it is most of the time that a start takes. So the wait is begun before the runtime needs it, beside the other work.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CgroupLayout } from "./cgroup-layout.ts";

/** How long the kernel stays prepared, with a margin. */
const STAYS_PREPARED_MS = 5;

export class MigrationPrimer {
  /** The daemon's own cgroup.procs; undefined: unknown, or the kernel does not let us write there. */
  readonly #file: Promise<string | undefined>;
  #isPriming = false;
  #preparedUntilMs = 0;

  constructor(layout: CgroupLayout) {
    this.#file = ownProcessFile(layout).catch(() => undefined);
  }

  /** Returns at once. To be called when a container is about to be started, as early as that is known. */
  prime(): void {
    if (this.#isPriming || performance.now() < this.#preparedUntilMs) return;
    this.#isPriming = true;
    void this.#moveNowhere().finally(() => {
      this.#isPriming = false;
    });
  }

  /** Moves the daemon into the cgroup where it is: nothing changes, but the kernel gets ready for moves. */
  async #moveNowhere(): Promise<void> {
    const file = await this.#file;
    if (file === undefined) return;
    await writeFile(file, String(process.pid)).catch(() => undefined);
    this.#preparedUntilMs = performance.now() + STAYS_PREPARED_MS;
  }
}

async function ownProcessFile(layout: CgroupLayout): Promise<string | undefined> {
  const lines = (await readFile("/proc/self/cgroup", "utf8")).split("\n");
  for (const line of lines) {
    const [, controllers = "", path = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const [controller = ""] = controllers.split(",");
    const mountPoint =
      controllers === "" && layout.version === "2" ? layout.unified : layout.controllers.get(controller);
    if (mountPoint !== undefined && path.startsWith("/") && !path.startsWith("/..")) {
      return join(mountPoint, path, "cgroup.procs");
    }
  }
  return undefined;
}
