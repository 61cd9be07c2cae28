/** Whether the kernel runs programs of other processors through an emulator (binfmt_misc, as qemu-user registers itself). */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const REGISTERED = "/proc/sys/fs/binfmt_misc";
/** e_machine of ELF headers (elf.h) in the byte order of the architecture, as hex. */
const ELF_MACHINES: Record<string, string> = {
  "386": "0300",
  amd64: "3e00",
  arm: "2800",
  arm64: "b700",
  loong64: "0201",
  mips64le: "0800",
  ppc64le: "1500",
  riscv64: "f300",
  s390x: "0016",
};
/** Hex digits before e_machine, which lies at byte 18. */
const MACHINE_AT = 36;

/** `folder` is where the kernel shows what is registered. */
export async function hasEmulator(architecture: string, folder = REGISTERED): Promise<boolean> {
  const machine = ELF_MACHINES[architecture];
  // Where nothing is mounted, nothing is registered.
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const text = await readFile(join(folder, name), "utf8").catch(() => "");
    const magic = /^magic ([0-9a-f]+)$/m.exec(text)?.[1] ?? "";
    if (
      text.startsWith("enabled") &&
      magic.startsWith("7f454c46") &&
      magic.slice(MACHINE_AT, MACHINE_AT + 4) === machine
    ) {
      return true;
    }
  }
  return false;
}
