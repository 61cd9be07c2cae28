/** Whether this machine can run an image's programs: its own, and those that the kernel hands to an emulator (binfmt_misc). */
import { readFile } from "node:fs/promises";
import { NaruError } from "../../lib/errors.ts";
import { machineArchitecture } from "../../lib/machine-architecture.ts";
import { platformText } from "../../lib/platform.ts";
import type { Step } from "./graph.ts";
import { findBaseImage } from "./step-digest.ts";

/** Programs of these run on that processor as they are. */
const ALSO_RUNS: Record<string, readonly string[]> = { amd64: ["386"], arm64: ["arm"] };
/** Names of qemu's emulators. */
const EMULATORS: Record<string, string> = { amd64: "x86_64", arm64: "aarch64", "386": "i386" };

/** @throws {NaruError} not-implemented, saying what to install */
export async function checkCanRun(root: Step | undefined): Promise<void> {
  const platform = findBaseImage(root)?.platform;
  if (!platform) return;
  const { architecture } = platform;
  const own = machineArchitecture();
  if (architecture === own || ALSO_RUNS[own]?.includes(architecture)) return;
  const emulator = `qemu-${EMULATORS[architecture] ?? architecture}`;
  const state = await readFile(`/proc/sys/fs/binfmt_misc/${emulator}`, "utf8").catch(() => "");
  if (state.startsWith("enabled")) return;
  throw new NaruError(
    "not-implemented",
    `this machine (${own}) cannot run programs of ${platformText(platform)}: install an emulator (package qemu-user-static, ` +
      `with ${emulator} in /proc/sys/fs/binfmt_misc), or build in a stage FROM --platform=$BUILDPLATFORM`,
  );
}
