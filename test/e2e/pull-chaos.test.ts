/** Pulls, pushes, removals and checks at random and all at once, over a daemon that is killed: the store is whole in the end. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { eventually, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { type DebianRegistry, startDebianRegistry } from "../support/debian-registry.ts";
import { imageOf, largeLayer, layerOf, sendImage } from "../support/registry-images.ts";

const IMAGES = 5;
const WORKERS = 4;
const ROUNDS = 12;
const KILLS = 2;

let daemon: TestDaemon;
let registry: DebianRegistry;
beforeAll(async () => {
  daemon = await startDaemon();
  registry = await startDebianRegistry();
  const layers = [
    largeLayer("base", 1),
    ...Array.from({ length: IMAGES }, (_, n) => layerOf([{ path: `own${n}`, content: `${n}` }])),
  ];
  for (let index = 0; index < IMAGES; index++) {
    // Each shares its base with all and another layer with its neighbours.
    const own = [layers[0]!, layers[1 + index]!, layers[1 + ((index + 1) % IMAGES)]!];
    await sendImage(registry.host, "chaos/app", imageOf(own), `${index}`);
  }
});
afterAll(async () => {
  await daemon?.stop();
  await registry?.[Symbol.asyncDispose]();
});

/** What a user may be told meanwhile: the daemon is away, or somebody else removed the image. */
const EXPECTED =
  /No such image|does not exist|tag does not exist|Cannot connect|EOF|connection|socket|closed|the daemon ended/i;

async function disturb(unexpected: string[]): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const name = `${registry.host}/chaos/app:${Math.floor(Math.random() * IMAGES)}`;
    const action = Math.random();
    if (action < 0.15) {
      const leave = AbortSignal.timeout(Math.random() * 60);
      const url = `http://naru/v1.51/images/create?fromImage=${name}`;
      await fetch(url, { method: "POST", unix: daemon.socketPath, signal: leave })
        .then((answer) => answer.text())
        .catch(() => {});
      continue;
    }
    const words =
      action < 0.6
        ? ["pull", "-q"]
        : action < 0.85
          ? ["rmi"]
          : action < 0.93
            ? ["push", "-q"]
            : ["image", "verify", "-q"];
    const { code, stderr } = await daemon.naru([...words, name]);
    if (code !== 0 && !EXPECTED.test(stderr)) unexpected.push(`${words.join(" ")} ${name}: ${stderr}`);
  }
}

test("nothing is broken, nothing is left", async () => {
  const unexpected: string[] = [];
  const work = Array.from({ length: WORKERS }, () => disturb(unexpected));
  for (let kill = 0; kill < KILLS; kill++) {
    await Bun.sleep(500);
    await daemon.kill();
    await daemon.restart();
  }
  await Promise.all(work);
  expect(unexpected).toEqual([]);
  for (let index = 0; index < IMAGES; index++) {
    expect(await daemon.naru(["pull", "-q", `${registry.host}/chaos/app:${index}`])).toMatchObject({ code: 0 });
  }
  expect(await daemon.naru(["image", "verify", "--all", "-q"])).toMatchObject({ code: 0, stdout: "" });
  const ids = (await daemon.naru(["images", "-qa", "--no-trunc"])).stdout.split("\n").filter(Boolean);
  expect(await daemon.naru(["rmi", "-f", ...new Set(ids)])).toMatchObject({ code: 0 });
  const filesIn = (folder: string) => readdir(join(daemon.dataRoot, folder));
  await eventually(async () => (await filesIn("trash")).length === 0);
  expect(await filesIn("blobs/sha256")).toEqual([]);
  expect(await filesIn("snapshots")).toEqual(["base"]);
  expect(await filesIn("ingest")).toEqual(["partial"]);
});
