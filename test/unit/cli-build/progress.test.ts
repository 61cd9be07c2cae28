/** What displays make of given events, as whole texts. */
import { describe, expect, test } from "bun:test";
import { failureText, warningsText } from "../../../src/cli/build/build-report.ts";
import { BuildState, sizeText } from "../../../src/cli/build/progress/build-state.ts";
import { PlainProgress } from "../../../src/cli/build/progress/plain-progress.ts";
import { RawJsonProgress } from "../../../src/cli/build/progress/raw-json-progress.ts";
import { screenLines } from "../../../src/cli/build/progress/screen.ts";
import type { BuildStep } from "../../../src/model/build.ts";
import type { WireEvent } from "../../../src/model/build-exchange.ts";

const START = 1_700_000_000_000;
const at = (seconds: number) => START + seconds * 1000;

function step(name: string, from?: number, to?: number, more: Partial<BuildStep> = {}): WireEvent {
  const times = {
    ...(from === undefined ? {} : { startedAt: at(from) }),
    ...(to === undefined ? {} : { completedAt: at(to) }),
  };
  return { type: "step", step: { digest: `sha256:${name}`, name, inputs: [], cached: false, ...times, ...more } };
}
const log = (name: string, text: string, seconds: number): WireEvent => ({
  type: "log",
  step: `sha256:${name}`,
  stream: "stdout",
  text,
  at: at(seconds),
});
const progress = (name: string, id: string, current: number, total: number, from: number, to?: number): WireEvent => ({
  type: "progress",
  step: `sha256:${name}`,
  id,
  name: id,
  current,
  total,
  startedAt: at(from),
  ...(to === undefined ? {} : { completedAt: at(to) }),
});

const BUILD: WireEvent[] = [
  step("[1/2] FROM busybox", 0),
  progress("[1/2] FROM busybox", "sha256:ab", 500, 2_000_000, 0),
  progress("[1/2] FROM busybox", "sha256:ab", 2_000_000, 2_000_000, 0, 0.5),
  step("[1/2] FROM busybox", 0, 0.6, { cached: true }),
  step("[2/2] RUN make", 1, undefined, { missReason: "a.c changed" }),
  log("[2/2] RUN make", "compiling\nlin", 1.25),
  log("[2/2] RUN make", "king\n50%\r100%\n", 1.5),
  step("[2/2] RUN make", 1, 2.04, { missReason: "a.c changed" }),
];

describe("plain", () => {
  function plain(batches: WireEvent[][], times: number[] = []): string {
    let text = "";
    let now = at(0);
    const display = new PlainProgress(
      (piece) => {
        text += piece;
      },
      { driver: "naru", now: () => now },
    );
    for (const [index, batch] of batches.entries()) {
      now = times[index] === undefined ? now : at(times[index]);
      display.take(batch);
    }
    display.finish();
    return text;
  }

  test("numbered steps with their times", () => {
    expect(plain(BUILD.map((event) => [event]))).toBe(
      [
        '#0 building with "default" instance using naru driver',
        "",
        "#1 [1/2] FROM busybox",
        "#1 sha256:ab 2.00MB 0.5s done",
        "#1 CACHED",
        "",
        "#2 [2/2] RUN make",
        "#2 cache miss: a.c changed",
        "#2 0.250 compiling",
        "#2 0.500 linking",
        "#2 0.500 100%",
        "#2 DONE 1.0s",
        "",
      ].join("\n"),
    );
  });

  test("a step that is silent gives way to another one, and comes back under its number", () => {
    const text = plain(
      [
        [step("slow", 0), log("slow", "begun\n", 0.1), step("quick", 0), log("quick", "hidden at first\n", 0.2)],
        [log("quick", "then shown\n", 2)],
        [step("quick", 0, 2.5), log("slow", "over\n", 3), step("slow", 0, 3)],
      ],
      [0.2, 2.2, 3],
    );
    expect(text.split("\n").slice(2, -1)).toEqual([
      "#1 slow",
      "#1 0.100 begun",
      "#1 ...",
      "",
      "#2 quick",
      "#2 0.200 hidden at first",
      "#2 2.000 then shown",
      "#2 DONE 2.5s",
      "",
      "#1 slow",
      "#1 3.000 over",
      "#1 DONE 3.0s",
    ]);
  });

  test("output without an end of line is not lost; failures and cancellations are told", () => {
    const text = plain([
      [step("a", 0), log("a", "no end", 0.1), step("a", 0, 1, { error: "it broke" })],
      [step("b", 0), step("b", 0, 1, { error: "context canceled" })],
    ]);
    expect(text).toContain("#1 a\n#1 1.000 no end\n#1 ERROR: it broke\n");
    expect(text).toContain("#2 b\n#2 CANCELED\n");
  });
});

describe("terminal", () => {
  const options = {
    columns: 50,
    nowMs: at(3),
    startedMs: START,
    isFinished: false,
    builder: "naru:default",
    hasColors: false,
  };
  const stateOf = (events: readonly WireEvent[]) => {
    const state = new BuildState();
    for (const event of events) state.take(event);
    return state;
  };

  test("running: times move on, the last lines stand below", () => {
    expect(screenLines(stateOf([...BUILD.slice(0, 2), ...BUILD.slice(4, 7)]), options)).toEqual([
      "[+] Building 3.0s (0/2)               naru:default",
      " => [1/2] FROM busybox                        3.0s",
      " => => sha256:ab 500B / 2.00MB                3.0s",
      " => [2/2] RUN make                            2.0s",
      " => => cache miss: a.c changed",
      " => => # compiling",
      " => => # linking",
      " => => # 100%",
    ]);
  });

  test("a bar is drawn where there is room", () => {
    const state = stateOf([step("pull", 0), progress("pull", "x", 1_000_000, 2_000_000, 0)]);
    expect(screenLines(state, { ...options, columns: 70 })[2]).toBe(
      " => => x 1.00MB / 2.00MB [==========>         ]                   3.0s",
    );
  });

  test("finished: output is gone, times stand, colours where there are some", () => {
    const lines = screenLines(stateOf(BUILD), { ...options, isFinished: true, hasColors: true });
    expect(lines).toEqual([
      "[+] Building 3.0s (2/2) FINISHED      naru:default",
      "\u001b[34m => CACHED [1/2] FROM busybox                 0.6s\u001b[0m",
      "\u001b[34m => => sha256:ab 2.00MB                       0.5s\u001b[0m",
      "\u001b[34m => [2/2] RUN make                            1.0s\u001b[0m",
      "\u001b[34m => => cache miss: a.c changed\u001b[0m",
    ]);
  });

  test("no line is wider than the window, whatever a step prints", () => {
    const name = `[2/2] RUN ${"한글 ".repeat(20)}`;
    const state = stateOf([step(name, 0), log(name, `\u001b[31mred\u001b[0m\tand ${"wide ".repeat(30)}\n`, 1)]);
    for (const columns of [20, 41, 80]) {
      for (const line of screenLines(state, { ...options, columns })) {
        expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
        expect(line).not.toContain("\u001b");
      }
    }
  });

  test("in a low window steps that are done give way", () => {
    const many = Array.from({ length: 30 }, (_, index) => step(`done ${index}`, 0, 1));
    const lines = screenLines(stateOf([...many, step("running", 2)]), { ...options, rows: 8 });
    expect(lines.length).toBeLessThanOrEqual(8);
    expect(lines.at(-1)).toStartWith(" => running");
  });
});

test("rawjson: BuildKit's fields", () => {
  let text = "";
  new RawJsonProgress((piece) => {
    text += piece;
  }).take([step("a", 0, 1.25, { cached: true }), log("a", "hi\n", 1)]);
  expect(JSON.parse(text)).toEqual({
    vertexes: [
      {
        digest: "sha256:a",
        name: "a",
        started: "2023-11-14T22:13:20.000Z",
        completed: "2023-11-14T22:13:21.250Z",
        cached: true,
      },
    ],
    logs: [{ vertex: "sha256:a", stream: 1, data: "aGkK", timestamp: "2023-11-14T22:13:21.000Z" }],
  });
});

describe("the end", () => {
  test("a failure with the last lines and the excerpt", () => {
    const state = new BuildState();
    for (const event of [step("RUN x", 0), log("RUN x", "last\n", 0.5), step("RUN x", 0, 1, { error: "broke" })]) {
      state.take(event);
    }
    const failure = { type: "failure", message: "broke", excerpt: "Dockerfile:1\n", isCancelled: false } as const;
    expect(failureText(failure, state)).toBe(
      "------\n > RUN x:\n0.500 last\n------\nDockerfile:1\nERROR: failed to build: failed to solve: broke",
    );
    expect(failureText({ ...failure, excerpt: "", isCancelled: true }, state)).toBe(
      "ERROR: failed to build: failed to solve: Canceled: context canceled",
    );
  });

  test("warnings, short and in full", () => {
    const ranges = [{ start: { line: 4, column: 0 }, end: { line: 4, column: 1 } }];
    const warning = { rule: "Rule", short: "bad", detail: ["Because."], url: "", file: "Dockerfile", ranges };
    const options = { program: "naru", isExpanded: false, hasColors: false };
    expect(warningsText([warning], options)).toBe(
      "\n 1 warning found (use naru build --debug to expand):\n - Rule: bad (line 4)\n",
    );
    expect(warningsText([warning, warning], { ...options, isExpanded: true })).toContain(" 2 warnings found:\n");
    expect(warningsText([], options)).toBe("");
  });

  test("sizes", () => {
    expect([0, 999, 1000, 1_990_000, 5e9].map(sizeText)).toEqual(["0B", "999B", "1.00kB", "1.99MB", "5.00GB"]);
  });
});
