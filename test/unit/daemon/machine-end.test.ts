/** Whether the machine goes down, as a stand-in for systemctl tells it. */
import { expect, test } from "bun:test";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMachineEnding } from "../../../src/daemon/machine-end.ts";

for (const [answer, code, expected] of [
  ["stopping", 1, true],
  ["running", 0, false],
  ["degraded", 1, false],
  ["offline", 1, false],
] as const) {
  test(`systemd says ${answer}`, async () => {
    const folder = await mkdtemp(join(tmpdir(), "naru-machine-"));
    try {
      const program = join(folder, "systemctl");
      await writeFile(program, `#!/bin/sh\n[ "$1" = is-system-running ] && echo ${answer}\nexit ${code}\n`);
      await chmod(program, 0o755);
      expect(await isMachineEnding({ mark: folder, program })).toBe(expected);
      expect(await isMachineEnding({ mark: join(folder, "absent"), program })).toBe(false);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

test("a machine without the program, or with one that cannot be started", async () => {
  expect(await isMachineEnding({ mark: tmpdir(), program: "/nowhere/systemctl" })).toBe(false);
  const folder = await mkdtemp(join(tmpdir(), "naru-machine-"));
  try {
    const program = join(folder, "systemctl");
    await writeFile(program, "#!/nowhere/interpreter\n", { mode: 0o755 });
    expect(await isMachineEnding({ mark: folder, program })).toBe(false);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
