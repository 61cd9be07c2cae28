import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasEmulator } from "../../../src/engine/emulation.ts";

test("emulators are known by the machine in the magic that the kernel shows", async () => {
  const folder = await mkdtemp(join(tmpdir(), "naru-binfmt-"));
  const entry = (state: string, machine: string) =>
    `${state}\ninterpreter /usr/bin/qemu\nflags: OCF\noffset 0\nmagic 7f454c460201010000000000000000000200${machine}\nmask ff\n`;
  try {
    expect(await hasEmulator("arm64", join(folder, "absent"))).toBe(false);
    await Bun.write(join(folder, "qemu-aarch64"), entry("enabled", "b700"));
    await Bun.write(join(folder, "qemu-s390x"), entry("disabled", "0016"));
    await Bun.write(join(folder, "status"), "enabled\n");
    expect(await hasEmulator("arm64", folder)).toBe(true);
    expect(await hasEmulator("s390x", folder)).toBe(false);
    expect(await hasEmulator("unheard-of", folder)).toBe(false);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
