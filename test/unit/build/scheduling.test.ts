/** Who waits for whom: flights and cache directories, without running anything. */
import { describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CacheMountRequest, CacheMounts } from "../../../src/build/solver/cache-mounts.ts";
import { Flight } from "../../../src/build/solver/flight.ts";
import { failureOf } from "../../support/failure.ts";
import { MemoryStore } from "../../support/memory-store.ts";

const never = new AbortController().signal;
const listener = () => {
  const heard: string[] = [];
  return {
    heard,
    onOutput: ({ data }: { data: Uint8Array }) => void heard.push(Buffer.from(data).toString()),
    onRunning: (id: string) => void heard.push(id),
  };
};

describe("Flight", () => {
  test("is one piece of work for all who join, who hear also what was said before", async () => {
    let finish: (value: number) => void = () => {};
    let started = 0;
    const flight = new Flight<number>("id", never, () => {
      started += 1;
      return new Promise((resolve) => {
        finish = resolve;
      });
    });
    const [one, two] = [listener(), listener()];
    const first = flight.join(one, never);
    flight.onRunning("id");
    flight.onOutput({ stream: "stdout", data: Buffer.from("said") }, 1);
    const second = flight.join(two, never);
    finish(7);
    expect(await Promise.all([first, second])).toEqual([7, 7]);
    expect([one.heard, two.heard, started]).toEqual([["id", "said"], ["said", "id"], 1]);
  });

  test("goes on when one leaves, is cancelled when the last does, who waits until all is undone", async () => {
    let isUndone = false;
    const flight = new Flight<number>(
      "id",
      never,
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", async () => {
            await Bun.sleep(20);
            isUndone = true;
            reject(signal.reason);
          });
        }),
    );
    const [one, two] = [new AbortController(), new AbortController()];
    const joined = [flight.join(listener(), one.signal), flight.join(listener(), two.signal)];
    one.abort(new Error("one"));
    expect((await failureOf(joined[0]!)).message).toBe("one");
    expect(flight.signal.aborted).toBeFalse();
    two.abort(new Error("two"));
    expect((await failureOf(joined[1]!)).message).toBe("two");
    expect([flight.signal.aborted, isUndone]).toEqual([true, true]);
  });
});

describe("CacheMounts", () => {
  async function open() {
    const directory = await mkdtemp(join(tmpdir(), "naru-cache-mounts-"));
    const mounts = new CacheMounts(new MemoryStore(), directory);
    const take = async (sharing: "shared" | "private" | "locked", id = "x", signal = never) => {
      const undo = new AsyncDisposableStack();
      const mount: CacheMountRequest["mount"] = {
        type: "cache",
        id,
        sharing,
        from: undefined,
        source: "",
        uid: 0,
        gid: 0,
        mode: 0o755,
        target: "/c",
        readOnly: false,
      };
      const make = async (path: string) => {
        await Bun.sleep(5);
        await mkdir(path, { recursive: true });
      };
      return { undo, path: await mounts.open({ mount, seedIdentity: "", make, signal }, undo) };
    };
    return { mounts, take, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
  }

  test("shared ones are one directory, also for two that begin together", async () => {
    await using fixture = await open();
    const [one, two] = await Promise.all([fixture.take("shared"), fixture.take("shared")]);
    expect(one.path).toBe(two.path);
    expect((await fixture.take("shared", "other")).path).not.toBe(one.path);
  });

  test("private ones are one each, and are used again when free", async () => {
    await using fixture = await open();
    const one = await fixture.take("private");
    const two = await fixture.take("private");
    expect(one.path).not.toBe(two.path);
    await one.undo.disposeAsync();
    expect((await fixture.take("private")).path).toBe(one.path);
  });

  test("locked ones are used one after the other; whoever waits may give up", async () => {
    await using fixture = await open();
    const one = await fixture.take("locked");
    let hasSecond = false;
    const second = fixture.take("locked").then((taken) => {
      hasSecond = true;
      return taken;
    });
    const impatient = new AbortController();
    const third = fixture.take("locked", "x", impatient.signal);
    await Bun.sleep(5);
    expect(hasSecond).toBeFalse();
    impatient.abort(new Error("enough"));
    expect((await failureOf(third)).message).toBe("enough");
    await one.undo.disposeAsync();
    expect((await second).path).toBe(one.path);
  });

  test("are not removed while somebody uses them", async () => {
    await using fixture = await open();
    const one = await fixture.take("shared");
    const number = one.path.slice(one.path.lastIndexOf("/") + 1);
    await fixture.mounts.remove(number);
    expect(fixture.mounts.records.has(number)).toBeTrue();
    await one.undo.disposeAsync();
    await fixture.mounts.remove(number);
    expect(fixture.mounts.records.has(number)).toBeFalse();
  });
});
