/** Pausing a container: the freezer of cgroup v1 (freezer.state) and v2 (cgroup.freeze). */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { NaruError } from "../lib/errors.ts";
import { controllerDirectory } from "./cgroup-directories.ts";
import type { CgroupLayout } from "./cgroup-layout.ts";

const POLL_MS = 2;
const TIMEOUT_MS = 10_000;

/**
 * Stops or continues all processes of the container and waits until the kernel has done so.
 * @throws {NaruError} internal when it cannot, for instance because a process hangs in the kernel; the container then
 *   runs on.
 */
export async function setFrozen(layout: CgroupLayout, cgroupPath: string, frozen: boolean): Promise<void> {
  const freezer = freezerOf(layout, cgroupPath);
  const wanted = frozen ? freezer.frozen : freezer.thawed;
  await writeFile(freezer.control, wanted.write);
  const deadline = Date.now() + TIMEOUT_MS;
  while (!wanted.isReached(await readFile(freezer.state, "utf8"))) {
    if (Date.now() > deadline) {
      await writeFile(freezer.control, freezer.thawed.write).catch(() => undefined);
      throw new NaruError("internal", `the kernel did not ${frozen ? "freeze" : "thaw"} the container in time`);
    }
    await delay(POLL_MS);
    // On v1 a process that was forked meanwhile keeps the state at FREEZING until it is asked again.
    if (frozen && layout.version === "1") await writeFile(freezer.control, wanted.write);
  }
}

/** False also when there is no freezer, or no such cgroup. */
export async function isFrozen(layout: CgroupLayout, cgroupPath: string): Promise<boolean> {
  try {
    const freezer = freezerOf(layout, cgroupPath);
    return freezer.frozen.isReached(await readFile(freezer.state, "utf8"));
  } catch {
    return false;
  }
}

interface Freezer {
  control: string;
  state: string;
  frozen: { write: string; isReached(text: string): boolean };
  thawed: { write: string; isReached(text: string): boolean };
}

function freezerOf(layout: CgroupLayout, cgroupPath: string): Freezer {
  if (layout.version === "2" && layout.unified) {
    const directory = join(layout.unified, cgroupPath);
    return {
      control: join(directory, "cgroup.freeze"),
      state: join(directory, "cgroup.events"),
      frozen: { write: "1", isReached: (text) => /^frozen 1$/m.test(text) },
      thawed: { write: "0", isReached: (text) => /^frozen 0$/m.test(text) },
    };
  }
  const directory = controllerDirectory(layout, "freezer", cgroupPath);
  if (!directory) throw new NaruError("unavailable", "this machine has no cgroup freezer: containers cannot be paused");
  const state = join(directory, "freezer.state");
  return {
    control: state,
    state,
    frozen: { write: "FROZEN", isReached: (text) => text.trim() === "FROZEN" },
    thawed: { write: "THAWED", isReached: (text) => text.trim() === "THAWED" },
  };
}
