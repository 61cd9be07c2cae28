/** The /dev/shm of "shareable" containers: a tmpfs on the host that other containers may join. */
import { mkdir } from "node:fs/promises";
import { type ErrorKind, NaruError } from "../lib/errors.ts";
import { MS, mount, unmount } from "../linux/mount.ts";
import type { Container } from "./container.ts";
import type { EngineContext } from "./engine-context.ts";
import { sharedMemoryDir } from "./resolve-mounts.ts";

/** Mounts the tmpfs of a shareable container; nothing for others. */
export async function openSharedMemory(
  context: EngineContext,
  { record }: Container,
  undo: AsyncDisposableStack,
): Promise<void> {
  if (record.hostConfig.IpcMode !== "shareable") return;
  const target = sharedMemoryDir(context, record.id);
  await mkdir(target, { recursive: true, mode: 0o1777 });
  const data = `mode=1777,size=${record.hostConfig.ShmSize}`;
  mount({ type: "tmpfs", source: "shm", target, flags: MS.NOSUID | MS.NODEV | MS.NOEXEC, data });
  undo.defer(() => closeSharedMemory(context, record.id));
}

/** Idempotent. */
export function closeSharedMemory(context: EngineContext, id: string): void {
  unmount(sharedMemoryDir(context, id));
}

/** The container of an ipc, pid or network mode "container:X", which must run. @throws {NaruError} conflict, not-found */
export function runningPeer(context: EngineContext, mode: string, kind: "IPC" | "PID"): Container {
  const peer = context.containers.get(mode.slice("container:".length));
  const refuse = (failure: ErrorKind, reason: string) =>
    new NaruError(failure, `failed to join ${kind} namespace: container ${peer.id}${reason}`);
  if (!peer.hasProcess) throw refuse(kind === "IPC" ? "conflict" : "internal", " is not running");
  const donorMode = peer.record.hostConfig.IpcMode;
  if (kind === "IPC" && donorMode !== "shareable" && donorMode !== "host") {
    throw refuse("invalid", ": non-shareable IPC (hint: use IpcMode:shareable for the donor container)");
  }
  return peer;
}
