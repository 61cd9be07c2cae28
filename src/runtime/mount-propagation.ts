/** Whether a host path's mount can be shared with a container. Source: proc_pid_mountinfo(5), mount_namespaces(7). */
import { readFile, realpath } from "node:fs/promises";
import { NaruError } from "../lib/errors.ts";
import { unescapeMountPoint } from "../linux/mount-table.ts";
import type { ResolvedMount } from "./contract.ts";

interface MountInfo {
  mountPoint: string;
  /** "shared:1", "master:2" */
  tags: string[];
}

/**
 * Refuses shared and slave mounts of sources whose own mount is not shared: events could not pass.
 * @throws {NaruError} internal, in Docker's words.
 */
export async function checkPropagation(mounts: readonly ResolvedMount[]): Promise<void> {
  const demanding = mounts.filter(({ type, propagation }) => type === "bind" && /^r?(shared|slave)$/.test(propagation));
  if (demanding.length === 0) return;
  const table = parseMountInfo(await readFile("/proc/self/mountinfo", "utf8"));
  for (const { source, propagation } of demanding) {
    const { mountPoint, tags } = mountOf(await realpath(source), table);
    const isShared = tags.some((tag) => tag.startsWith("shared:"));
    const isSlave = tags.some((tag) => tag.startsWith("master:"));
    const wantsShared = propagation.endsWith("shared");
    if (isShared || (isSlave && !wantsShared)) continue;
    const wanted = wantsShared ? "a shared" : "a shared or slave";
    throw new NaruError("internal", `path ${source} is mounted on ${mountPoint} but it is not ${wanted} mount`);
  }
}

function parseMountInfo(text: string): MountInfo[] {
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [before = ""] = line.split(" - ");
      const [, , , , mountPoint = "", , ...tags] = before.split(" ");
      return { mountPoint: unescapeMountPoint(mountPoint), tags };
    });
}

/** The mount that a path lies on: the longest mount point, and of several there the last, which lies on top. */
function mountOf(path: string, table: MountInfo[]): MountInfo {
  const covers = ({ mountPoint }: MountInfo) =>
    mountPoint === "/" || path === mountPoint || path.startsWith(`${mountPoint}/`);
  return table
    .filter(covers)
    .reduce((best, mount) => (mount.mountPoint.length >= best.mountPoint.length ? mount : best), {
      mountPoint: "/",
      tags: [],
    });
}
