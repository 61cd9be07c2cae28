/** kill -9 in the middle of commits: what was acknowledged is there, nothing is there by half, and revisions go on. */

import { afterAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "../../src/kube/store/sqlite-store.ts";

const root = await mkdtemp(join(tmpdir(), "naru-kube-killed-"));
afterAll(() => rm(root, { recursive: true, force: true }));

/** Lines that the writer printed before it was killed: at least `count`. */
async function writeAndKill(path: string, count: number): Promise<string[]> {
  const script = join(import.meta.dir, "../support/commit-forever.ts");
  const child = Bun.spawn([process.execPath, script, path], { stdout: "pipe", stderr: "inherit" });
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true });
    if (text.split("\n").length > count) child.kill("SIGKILL");
  }
  await child.exited;
  return text.split("\n").slice(0, -1);
}

test("what was acknowledged outlives kill -9, again and again", async () => {
  const path = join(root, "objects.db");
  const acknowledged = new Map<string, number>();
  let newest = 0;
  for (let round = 0; round < 3; round++) {
    // Keys of a round before would be refused: they are moved out of the way first.
    const store = await openSqliteStore(path);
    const { entries } = await store.range("/r/");
    for (const { key } of entries) await store.commit([{ key }]);
    newest = await store.revision();
    await store.close();
    acknowledged.clear();
    for (const line of await writeAndKill(path, 300)) {
      const [key = "", revision = ""] = line.split(" ");
      acknowledged.set(key, Number(revision));
    }
    const after = await openSqliteStore(path);
    const found = new Map((await after.range("/r/")).entries.map((entry) => [entry.key, entry.modRevision]));
    for (const [key, revision] of acknowledged) expect([key, found.get(key)]).toEqual([key, revision]);
    // Both writes of a commit, or none.
    const last = await after.get("/last");
    expect(found.get(last!.value)).toBe(last!.modRevision);
    expect(await after.revision()).toBe(newest + found.size);
    await after.close();
  }
});
