/** Commands in containers that take longer than they may. */
import { expect, test } from "bun:test";
import type { Engine } from "../../../../src/engine/contract.ts";
import { runCommand } from "../../../../src/kube/node/run-command.ts";

/** One whose command says nothing until its session is closed; `onStart` is called while it begins. */
function engineWith(onStart: () => void): Engine {
  const closed = Promise.withResolvers<void>();
  async function* output() {
    await closed.promise;
    yield* [];
  }
  const execs = {
    create: async () => ({ Id: "one" }),
    start: async () => {
      onStart();
      return { output: output(), close: closed.resolve };
    },
    inspect: () => ({ ExitCode: 0 }),
  };
  return { execs } as unknown as Engine;
}

test("a command whose time is over before it has begun is not waited for", async () => {
  const time = new AbortController();
  const engine = engineWith(() => time.abort(new Error("the time is over")));
  await expect(runCommand(engine, "c", ["sleep", "1000"], time.signal)).rejects.toThrow("the time is over");
});

test("a command whose time is over while it runs is left", async () => {
  const time = new AbortController();
  const engine = engineWith(() => void setImmediate(() => time.abort(new Error("the time is over"))));
  await expect(runCommand(engine, "c", ["sleep", "1000"], time.signal)).rejects.toThrow("the time is over");
});
