import { expect, test } from "bun:test";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeWhole } from "../../../src/lib/whole-file.ts";
import { failureOf } from "../../support/failure.ts";

test("a file has its old text or its new one, and its mode whatever the umask and what an earlier process left", async () => {
  const folder = await mkdtemp(join(tmpdir(), "naru-whole-"));
  const path = join(folder, "settings.json");
  const umask = process.umask(0o077);
  try {
    await writeFile(`${path}.new`, "half of what was to be wr", { mode: 0o600 });
    await writeWhole(path, "first", 0o644);
    await writeWhole(path, "", 0o640);
    expect([await readFile(path, "utf8"), (await stat(path)).mode & 0o777]).toEqual(["", 0o640]);
    await writeWhole(path, "last", 0o600);
    expect(await readdir(folder)).toEqual(["settings.json"]);
    expect(await readFile(path, "utf8")).toBe("last");
    const failure = await failureOf(writeWhole(join(folder, "absent/key"), "x", 0o600));
    expect(failure.message).toStartWith("ENOENT");
  } finally {
    process.umask(umask);
    await rm(folder, { recursive: true, force: true });
  }
});
