/** Which images `up` pulls or builds before it makes containers. */
import { describe, expect, test } from "bun:test";
import { type ImageWishes, imageTasks } from "../../../src/cli/compose/service-images.ts";
import { projectModel } from "../../../src/compose/service-model.ts";
import type { ImageInspect } from "../../../src/model/image.ts";
import { projectOf } from "../compose/project-of.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const WISHES: ImageWishes = { build: false, noBuild: false, pull: "policy", quietPull: false, quietBuild: false };
/** An image that got its name two days ago. */
const HERE = { Id: "sha256:1", Metadata: { LastTagTime: "2026-11-19T12:00:00Z" } } as ImageInspect;

async function tasksOf(service: string, isHere: boolean, wishes: Partial<ImageWishes> = {}): Promise<string> {
  const model = projectModel(await projectOf(`name: p\nservices: {a: {${service}}}`));
  const names = ["busybox", "p-a"];
  const images = new Map(names.map((name) => [name, isHere ? HERE : undefined]));
  const tasks = imageTasks(model, images, { ...WISHES, ...wishes }, { now: NOW });
  return tasks.map(({ what, image, mayBeBuilt }) => `${what} ${image}${mayBeBuilt ? " or build" : ""}`).join(", ");
}

const IMAGE = "image: busybox";
const BUILD = "build: .";
const BOTH = "image: busybox, build: .";

describe("imageTasks()", () => {
  const CASES: [string, boolean, Partial<ImageWishes>, string][] = [
    [IMAGE, true, {}, ""],
    [IMAGE, false, {}, "pull busybox"],
    [BUILD, true, {}, ""],
    [BUILD, false, {}, "build p-a or build"],
    [BOTH, true, {}, ""],
    [BOTH, false, {}, "pull busybox or build"],
    [BUILD, true, { build: true }, "build p-a or build"],
    [IMAGE, true, { build: true }, ""],
    [IMAGE, true, { pull: "always" }, "pull busybox"],
    [IMAGE, false, { pull: "never" }, ""],
    [`${IMAGE}, pull_policy: always`, true, {}, "pull busybox"],
    [`${IMAGE}, pull_policy: always`, true, { pull: "missing" }, ""],
    [`${IMAGE}, pull_policy: never`, false, {}, ""],
    [`${IMAGE}, pull_policy: if_not_present`, false, {}, "pull busybox"],
    [`${BOTH}, pull_policy: build`, true, {}, "build busybox or build"],
    [`${BUILD}, pull_policy: build`, true, { noBuild: true }, ""],
    [`${IMAGE}, pull_policy: daily`, true, {}, "pull busybox"],
    [`${IMAGE}, pull_policy: weekly`, true, {}, ""],
    [`${IMAGE}, pull_policy: every_3d`, true, {}, ""],
    [`${IMAGE}, pull_policy: every_47h`, true, {}, "pull busybox"],
    [`${IMAGE}, pull_policy: every_1w`, false, {}, "pull busybox"],
    [`${IMAGE}, pull_policy: refresh, pull_refresh_after: 1d`, true, {}, "pull busybox"],
    [`${IMAGE}, pull_policy: refresh, pull_refresh_after: 3d`, true, {}, ""],
    [`${IMAGE}, pull_policy: refresh`, true, {}, ""],
  ];
  test.each(CASES)("%s, here: %p, %o", async (service, isHere, wishes, expected) => {
    expect(await tasksOf(service, isHere, wishes)).toBe(expected);
  });

  test("an image that may not be built is refused when it is missing", async () => {
    await expect(tasksOf(BUILD, false, { noBuild: true })).rejects.toThrow("--no-build forbids to build it");
  });

  test("what another service builds is not pulled", async () => {
    const model = projectModel(
      await projectOf("name: p\nservices: {a: {image: busybox, build: .}, b: {image: busybox}}"),
    );
    const tasks = imageTasks(model, new Map(), WISHES, { now: NOW });
    expect(tasks.map(({ service, what }) => `${what} for ${service}`)).toEqual(["pull for a"]);
  });
});
