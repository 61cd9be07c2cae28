/** How this machine's control groups are mounted: version 1, version 2, or both side by side (hybrid). */
import { exists, mkdir, readFile, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { errorText } from "../lib/errors.ts";
import { mount } from "../linux/mount.ts";

/** Mount points. Source: cgroups(7). */
export interface CgroupLayout {
  version: "1" | "2";
  /** Every hierarchy, named ones and the unified one of a hybrid included: a container has a directory in each. */
  mountPoints: string[];
  /** Controller to mount point; on version 2 every controller is at the one mount point. */
  controllers: Map<string, string>;
  /** The cgroup2 mount; on a hybrid it lies beside the others. */
  unified: string | undefined;
}

const V1_ROOT = "/sys/fs/cgroup";

/** Whether block devices can be weighed. Since CFQ is gone from the kernel, version 1 has no weights that crun knows. */
export async function hasBlockWeights({ version, controllers }: CgroupLayout): Promise<boolean> {
  const blkio = controllers.get("blkio");
  return version === "2" || (blkio !== undefined && (await exists(join(blkio, "blkio.weight"))));
}

/** Reads the mount table. */
export async function readCgroupLayout(): Promise<CgroupLayout> {
  const mounts = parseCgroupMounts(await readFile("/proc/self/mountinfo", "utf8"));
  const unified = mounts.find(({ type }) => type === "cgroup2")?.mountPoint;
  if (mounts.some(({ type }) => type === "cgroup")) return layoutOfV1(mounts, unified);
  const names = unified ? await unifiedControllers(unified) : [];
  return {
    version: "2",
    mountPoints: unified ? [unified] : [],
    controllers: new Map(names.map((name) => [name, unified ?? ""])),
    unified,
  };
}

interface CgroupMount {
  type: "cgroup" | "cgroup2";
  mountPoint: string;
  /** Controllers ("cpu", "name=systemd") among other options. */
  options: string[];
}

/** The first mount of each hierarchy in the text of /proc/PID/mountinfo. */
export function parseCgroupMounts(mountInfo: string): CgroupMount[] {
  const mounts = new Map<string, CgroupMount>();
  for (const line of mountInfo.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const [type, , superOptions = ""] = after.split(" ");
    if (type !== "cgroup" && type !== "cgroup2") continue;
    const mountPoint = before.split(" ")[4] ?? "";
    const options = superOptions.split(",").filter((option) => option !== "rw" && option !== "ro");
    const hierarchy = type === "cgroup2" ? type : options.join(",");
    if (!mounts.has(hierarchy)) mounts.set(hierarchy, { type, mountPoint, options });
  }
  return [...mounts.values()];
}

function layoutOfV1(mounts: CgroupMount[], unified: string | undefined): CgroupLayout {
  const controllers = new Map<string, string>();
  for (const { type, mountPoint, options } of mounts) {
    if (type === "cgroup") for (const option of options) controllers.set(option, mountPoint);
  }
  return { version: "1", mountPoints: mounts.map(({ mountPoint }) => mountPoint), controllers, unified };
}

/** Controllers that the cgroup2 mount holds. */
async function unifiedControllers(unified: string): Promise<string[]> {
  const text = await readFile(join(unified, "cgroup.controllers"), "utf8").catch(() => "");
  return text.trim().split(/\s+/).filter(Boolean);
}

/**
 * On a hybrid machine crun refuses to work while the cgroup2 side holds a controller. Mounts the missing version 1
 * hierarchies, which takes the controllers over. @returns those that stayed, with the reason; empty: all is well.
 */
export async function releaseUnifiedControllers(layout: CgroupLayout): Promise<string[]> {
  if (layout.version !== "1" || !layout.unified) return [];
  const failures: string[] = [];
  for (const controller of await unifiedControllers(layout.unified)) {
    const target = join(V1_ROOT, controller);
    try {
      await mkdir(target, { recursive: true });
      mount({ type: "cgroup", source: "cgroup", target, data: controller });
      layout.controllers.set(controller, target);
      layout.mountPoints.push(target);
    } catch (error) {
      await rmdir(target).catch(() => undefined);
      failures.push(`${controller} (${errorText(error)})`);
    }
  }
  return failures;
}
