import { CliError } from "../cli-error.ts";
import { splitPairs } from "./chosen-objects.ts";
import { defineKubectlCommand } from "./declaration.ts";
import {
  changeObjects,
  choiceComplaints,
  ofPodSpec,
  SET_FLAGS,
  type SpecOfPods,
  throwComplaints,
} from "./pod-spec-change.ts";

export const command = defineKubectlCommand({
  usage:
    "(-f FILENAME | TYPE NAME) CONTAINER_NAME_1=CONTAINER_IMAGE_1 ... CONTAINER_NAME_N=CONTAINER_IMAGE_N [options]",
  summary: "Change images of pods",
  flags: SET_FLAGS,
  async run({ flags, args, context }) {
    const { words, pairs } = splitPairs(args, "image");
    const images = imagesOf(pairs);
    const check = () => {
      const complaints = choiceComplaints(flags, words);
      if (images.size === 0) complaints.push("at least one image update is required");
      else if (images.size > 1 && images.has("*")) {
        complaints.push(
          "all containers are already specified by *, but saw more than one container_name=container_image pairs",
        );
      }
      throwComplaints(complaints);
    };
    await changeObjects(context, words, flags, {
      change: ofPodSpec((spec) => setImages(spec, images)),
      verb: "image updated",
      what: "image update to pod template:",
      check,
    });
  },
});

function imagesOf(pairs: readonly string[]): Map<string, string> {
  const wrong = pairs.filter((pair) => !pair.includes("="));
  if (wrong.length > 0) throw new CliError(`error: invalid image format: ${wrong.join(", ")}`);
  return new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
}

function setImages(spec: SpecOfPods, images: ReadonlyMap<string, string>): string[] {
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
  const failures: string[] = [];
  for (const [name, image] of images) {
    const meant = containers.filter((container) => name === "*" || container.name === name);
    for (const container of meant) container.image = image;
    if (meant.length === 0 && name !== "*") {
      failures.push(`error: unable to find container named ${JSON.stringify(name)}`);
    }
  }
  return failures;
}
