/** The frontend beside what a real docker made of the same Dockerfiles (recorded/, scripts/record-dockerfiles.ts). */
import { describe, expect, test } from "bun:test";
import { planDockerfile } from "../../../src/build/frontend/dockerfile-frontend.ts";
import { answerSubrequest } from "../../../src/build/frontend/subrequests.ts";
import type { BuildPlan, Step } from "../../../src/build/solver/graph.ts";
import { stepInputs } from "../../../src/build/solver/step-digest.ts";
import type { ContainerConfig } from "../../../src/model/container.ts";
import { TestServices, testRequest } from "../../support/planning.ts";
import builds from "./recorded/builds.json";
import { CASES, type DockerfileCase } from "./recorded/cases.ts";
import checks from "./recorded/checks.json";
import files from "./recorded/files.json";
import mistakes from "./recorded/mistakes.json";

interface RecordedBuild {
  error?: string;
  steps: string[];
  config: ContainerConfig;
  author?: string;
  history: string[];
}
interface RecordedAnswer {
  warnings?: object[] | null;
  args?: { name: string }[];
  buildError?: { message: string; location?: object };
  error?: string;
}

function requestOf({ dockerfile, buildArgs = {}, target = "", ignore }: DockerfileCase) {
  const text = ignore === undefined ? undefined : new TextEncoder().encode(ignore);
  const ignoreFile = text && { name: ".dockerignore", text };
  return testRequest(dockerfile, { buildArgs, target, ignoreFile });
}

const casesOf = (kind: string) => CASES.find((group) => group.kind === kind)!.cases.filter((one) => !one.differs);

function allSteps(root: Step | undefined, found = new Set<Step>()): Set<Step> {
  if (!root || found.has(root)) return found;
  found.add(root);
  for (const input of stepInputs(root)) allSteps(input, found);
  return found;
}

/** The names that clients see; what a linked copy stands for is one step there, and so is an image, whoever begins with it. */
function stepNames(plan: BuildPlan): string[] {
  const names = plan.targets.flatMap(({ root }) => [...allSteps(root)].map((step) => step.show.name));
  const shown = names.filter((name) => !name.startsWith("[internal]") && !/^\[[^\]]*\] LINK /.test(name));
  return withoutImages([...new Set(shown)].toSorted());
}

function withoutImages(names: string[]): string[] {
  return names.filter((name) => !/^(\[[^\]]*\] )?FROM /.test(name));
}

function historyLines({ targets: [target] }: BuildPlan): string[] {
  const added = target!.history.map(({ created_by, comment, step }) =>
    [step ? "layer" : "empty", comment, created_by].join(" | "),
  );
  return [
    ...target!.baseHistory.map(({ comment = "", created_by = "" }) => `layer | ${comment} | ${created_by}`),
    ...added,
  ];
}

/** Empty and absent are one in an image's configuration. */
function withoutEmpty(config: ContainerConfig): Record<string, unknown> {
  const isEmpty = (value: unknown) =>
    value === null || value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(config).filter(([, value]) => !isEmpty(value)));
}

describe("mistakes", () => {
  for (const one of casesOf("mistakes")) {
    test(one.name, async () => {
      const { error } = (mistakes as Record<string, { error?: string }>)[one.name]!;
      const failure = await planDockerfile(requestOf(one), new TestServices()).then(
        () => undefined,
        (thrown: Error) => thrown.message,
      );
      expect(failure).toBe(error);
    });
  }
});

describe("builds", () => {
  for (const one of [...casesOf("builds"), ...casesOf("files")]) {
    test(one.name, async () => {
      const recorded = ({ ...builds, ...files } as unknown as Record<string, RecordedBuild>)[one.name]!;
      expect(recorded.error).toBeUndefined();
      const plan = await planDockerfile(requestOf(one), new TestServices());
      const target = plan.targets[0]!;
      expect(stepNames(plan)).toEqual(withoutImages(recorded.steps));
      expect(historyLines(plan)).toEqual(recorded.history);
      expect(withoutEmpty(target.image.config)).toEqual(withoutEmpty(recorded.config));
      expect(target.image.author).toBe(recorded.author);
    });
  }
});

/** Which order things of one line come in is nobody's business; and docker leaves the place of an error out. */
function comparable(answer: RecordedAnswer): RecordedAnswer {
  const { warnings, args, buildError } = answer;
  const byText = (list: object[]) => list.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  return {
    ...answer,
    ...(warnings ? { warnings: byText(warnings) } : {}),
    ...(args ? { args: args.toSorted((a, b) => (a.name < b.name ? -1 : 1)) } : {}),
    ...(buildError ? { buildError: { ...buildError, location: {} } } : {}),
  };
}

describe("checks", () => {
  for (const one of casesOf("checks")) {
    for (const call of ["lint", "outline", "targets"] as const) {
      test(`${call}: ${one.name}`, async () => {
        const recorded = (checks as unknown as Record<string, Record<string, RecordedAnswer>>)[one.name]![call]!;
        const request = { ...requestOf(one), onlyCheck: call };
        if (recorded.error !== undefined) {
          await expect(answerSubrequest(request, new TestServices())).rejects.toThrow(recorded.error);
          return;
        }
        const { sources: _, ...answer } = await answerSubrequest(request, new TestServices());
        for (const warning of (answer.warnings ?? []) as { description?: string }[]) delete warning.description;
        expect(comparable(answer as RecordedAnswer)).toEqual(comparable(recorded));
      });
    }
  }
});
