/** The history of builds: what is listed and kept while builds end and others are removed. */
import { expect, test } from "bun:test";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BuildHistory } from "../../../src/build/buildkit/build-history.ts";
import { BuildJob } from "../../../src/build/buildkit/build-job.ts";
import { GRPC, GrpcError } from "../../../src/build/grpc/grpc-error.ts";
import type { Collection } from "../../../src/store/contract.ts";
import { MemoryStore } from "../../support/memory-store.ts";

const STARTED = 0;
const COMPLETE = 1;

async function openHistory(store = new MemoryStore()) {
  const directory = await mkdtemp(join(tmpdir(), "naru-history-"));
  const complaints: unknown[] = [];
  const log = { error: (message: string, fields?: object) => void complaints.push([message, fields]) };
  return {
    history: new BuildHistory({ store, directory, log }),
    directory,
    complaints,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

function begin(history: BuildHistory, ref: string) {
  return history.begin(new BuildJob(ref), "dockerfile.v0", {}, []);
}

/** What clients see: the kind of each event, and whose it is. */
function listed(history: BuildHistory): [number, string][] {
  return history.list().map(({ type, record }) => [type, record.Ref]);
}

/** Writes become durable when the test says so, as on a slow disk. */
class SlowStore extends MemoryStore {
  readonly written = Promise.withResolvers<void>();

  override collection<T>(name: string): Collection<T> {
    const inner = super.collection<T>(name);
    const put = async (key: string, value: T) => {
      await inner.put(key, value);
      await this.written.promise;
    };
    return new Proxy(inner, {
      get: (target, key) => {
        if (key === "put") return put;
        const value: unknown = Reflect.get(target, key);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }
}

test("a build that ends is listed once at any time, and clients hear of it when it is", async () => {
  const store = new SlowStore();
  await using opened = await openHistory(store);
  const { history } = opened;
  const build = begin(history, "a");
  expect(listed(history)).toEqual([[STARTED, "a"]]);
  const seen = Promise.withResolvers<[number, string][]>();
  history.listen(({ type }) => type === COMPLETE && seen.resolve(listed(history)));
  build.complete({}, undefined);
  expect(await seen.promise).toEqual([[COMPLETE, "a"]]);
  store.written.resolve();
  await build.settled();
  expect(listed(history)).toEqual([[COMPLETE, "a"]]);
});

test("a build that is complete stays so when its client leaves before it hears of it", async () => {
  await using opened = await openHistory();
  const { history } = opened;
  const build = begin(history, "a");
  build.complete({ "containerimage.digest": "x" }, undefined);
  build.fail(new GrpcError(GRPC.cancelled, "context canceled"));
  await build.settled();
  await history.close();
  expect(history.list().map(({ record }) => [record.ExporterResponse, record.error])).toEqual([
    [{ "containerimage.digest": "x" }, undefined],
  ]);
});

test("what is removed takes no files of builds that end meanwhile", async () => {
  await using opened = await openHistory();
  const { history, directory, complaints } = opened;
  const failure = new GrpcError(GRPC.unknown, "the same for all");
  const builds = ["a", "b", "c", "d"].map((ref) => begin(history, ref));
  builds[0]!.fail(failure);
  await builds[0]!.settled();
  for (const build of builds.slice(1)) build.fail(failure);
  await history.remove("a");
  await history.close();
  expect(complaints).toEqual([]);
  expect(
    listed(history)
      .map(([, ref]) => ref)
      .sort(),
  ).toEqual(["b", "c", "d"]);
  for (const { record } of history.list()) {
    for (const file of [record.logs, record.trace, record.externalError]) {
      expect(await history.files.size(file!.digest)).toBe(file!.size);
    }
  }
  for (const ref of ["b", "c", "d"]) await history.remove(ref);
  expect(await readdir(directory)).toEqual([]);
});

test("what an earlier daemon left unfinished goes with what is removed", async () => {
  await using opened = await openHistory();
  const { history, directory } = opened;
  const build = begin(history, "a");
  build.complete({}, undefined);
  await build.settled();
  await writeFile(join(directory, `${"0".repeat(64)}.12345678`), "half");
  await history.remove("a");
  expect(await readdir(directory)).toEqual([]);
});

test("a build that cannot be kept is told, and is under way no more", async () => {
  await using opened = await openHistory();
  const { history, directory, complaints } = opened;
  await rm(directory, { recursive: true });
  await writeFile(directory, "");
  const build = begin(history, "a");
  build.complete({}, undefined);
  await build.settled();
  expect(complaints).toMatchObject([
    ["cannot keep a build in the history", { error: expect.stringContaining("EEXIST") }],
  ]);
  expect(listed(history)).toEqual([]);
  await rm(directory);
});
