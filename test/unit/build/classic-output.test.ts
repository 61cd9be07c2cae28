import { describe, expect, test } from "bun:test";
import { ClassicOutput } from "../../../src/build/classic/classic-output.ts";
import type { BuildEvent, BuildStep } from "../../../src/build/contract.ts";
import type { Digest } from "../../../src/model/image.ts";

const digest = (name: string): Digest => `sha256:${name}`;
const step = (name: string, more: Partial<BuildStep>): BuildEvent => ({
  type: "step",
  step: { digest: digest(name), name, inputs: [], cached: false, ...more },
});
const log = (name: string, text: string, stream: "stdout" | "stderr" = "stdout"): BuildEvent => ({
  type: "log",
  step: digest(name),
  stream,
  data: Buffer.from(text),
  at: 1,
});
const INSTRUCTIONS: BuildEvent = {
  type: "instructions",
  list: [
    { text: "FROM a", step: digest("a") },
    { text: "RUN one", step: digest("one") },
    { text: "ENV x=y" },
    { text: "RUN two", step: digest("two") },
  ],
};

function said(events: BuildEvent[], imageId?: string): string {
  let text = "";
  const output = new ClassicOutput(({ stream, status, id }) => {
    text += stream ?? `${id}: ${status}\n`;
  });
  for (const event of events) output.take(event);
  if (imageId) output.finish(imageId);
  return text.replace(/ ---> [0-9a-f]{12}\n/g, " ---> <id>\n");
}

describe("the classic builder's output", () => {
  test("tells instructions in their order, whatever order they were done in", () => {
    const events = [
      INSTRUCTIONS,
      step("two", { startedAt: 1 }),
      log("two", "early\n"),
      step("two", { startedAt: 1, completedAt: 2 }),
      step("a", { startedAt: 1, completedAt: 2, cached: true }),
      step("one", { startedAt: 1 }),
      { type: "running", step: digest("one"), containerId: "0123456789abcdef" } as const,
      log("one", "out\n"),
      log("one", "err\n", "stderr"),
      step("one", { startedAt: 1, completedAt: 3 }),
    ];
    expect(said(events, "sha256:fedcba9876543210")).toBe(
      [
        "Step 1/4 : FROM a",
        " ---> <id>",
        "Step 2/4 : RUN one",
        " ---> Running in 0123456789ab",
        "out",
        "\u001b[91merr",
        "\u001b[0m ---> Removed intermediate container 0123456789ab",
        " ---> <id>",
        "Step 3/4 : ENV x=y",
        " ---> <id>",
        "Step 4/4 : RUN two",
        "early",
        " ---> <id>",
        "",
      ].join("\n"),
    );
  });

  test("stops at the instruction that failed, and tells what it said", () => {
    const events = [
      INSTRUCTIONS,
      step("a", { startedAt: 1, completedAt: 2, cached: true }),
      step("one", { startedAt: 1 }),
      log("one", "bad\n"),
      step("one", { startedAt: 1, completedAt: 3, error: "no" }),
    ];
    expect(said(events)).toBe("Step 1/4 : FROM a\n ---> <id>\nStep 2/4 : RUN one\nbad\n");
  });

  test("tells a pull's layers before the first instruction, and what came from the cache", () => {
    const pulled = {
      type: "progress",
      step: digest("r"),
      id: "0123456789ab",
      name: "downloading",
      current: 1,
      total: 2,
      startedAt: 1,
    } as const;
    const events = [
      pulled,
      INSTRUCTIONS,
      step("a", { startedAt: 1, completedAt: 2, cached: true }),
      step("one", { startedAt: 1, completedAt: 2, cached: true }),
    ];
    expect(said(events)).toBe(
      "0123456789ab: Downloading\nStep 1/4 : FROM a\n ---> <id>\nStep 2/4 : RUN one\n ---> Using cache\n ---> <id>\nStep 3/4 : ENV x=y\n ---> <id>\nStep 4/4 : RUN two\n",
    );
  });
});
