/** The image debian:bookworm, made from packages once and kept in .cache/images for later runs. */
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { PROJECT, type TestDaemon } from "./daemon.ts";

const KEPT = join(PROJECT, ".cache/images/debian-bookworm.tar");
const MINUTES = 60_000;

export async function ensureDebian(daemon: TestDaemon): Promise<void> {
  if (await Bun.file(KEPT).exists()) {
    await succeed(daemon.docker(["load", "-i", KEPT], { timeoutMs: MINUTES }));
    return;
  }
  await succeed(daemon.naru(["image", "bootstrap", "debian:bookworm"], { timeoutMs: 5 * MINUTES }));
  await mkdir(join(PROJECT, ".cache/images"), { recursive: true });
  // Under its name only when it is whole.
  await succeed(daemon.docker(["save", "-o", `${KEPT}.part`, "debian:bookworm"]));
  await rename(`${KEPT}.part`, KEPT);
}

async function succeed(running: ReturnType<TestDaemon["docker"]>): Promise<void> {
  const { code, stderr } = await running;
  if (code !== 0) throw new Error(`debian:bookworm could not be made: ${stderr}`);
}
