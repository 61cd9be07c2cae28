/** naru answers as Docker 28.5 does, field by field: see test/support/recording.ts. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { expectedOfNaru, play, type Reply } from "../support/recording.ts";
import { SCENARIOS } from "./recorded/scenarios.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
});
afterAll(() => daemon?.stop());

for (const scenario of SCENARIOS) {
  describe(scenario.name, () => {
    let actual: Map<string, Reply>;
    let recorded: Record<string, Reply>;
    beforeAll(async () => {
      recorded = await Bun.file(`${import.meta.dir}/recorded/${scenario.name}.json`).json();
      actual = await play(scenario, (method, path, body, headers) => daemon.api(method, path, body, headers));
    });
    for (const step of scenario.steps) {
      test(step.name, () => expect(actual.get(step.name)).toEqual(expectedOfNaru(recorded[step.name]!, step)));
    }
  });
}
