import { humanDuration } from "../../lib/human-duration.ts";
import { humanSize } from "../../lib/human-size.ts";
import type { ContainerSummary } from "../../model/container.ts";
import type { ImageInspect } from "../../model/image.ts";
import { type ApiClient, ApiError } from "../client.ts";
import { minArgs } from "../command.ts";
import { bool, string } from "../flag-types.ts";
import { parseReference } from "../reference.ts";
import { shortId } from "../rows/row-text.ts";
import { defineComposeCommand } from "./declaration.ts";
import { listProjectContainers, nameOf } from "./project-containers.ts";
import { tabTable } from "./tab-table.ts";
import { checkTableOrJson } from "./table-format.ts";

const HEADER = ["CONTAINER", "REPOSITORY", "TAG", "PLATFORM", "IMAGE ID", "SIZE", "CREATED"];
/** What docker shows of an image that has no name any more. */
const NO_NAME = "<none>";

export const command = defineComposeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  summary: "Show the images of the project's containers",
  args: minArgs(0),
  dryRun: "reads",
  flags: { format: string("table or json", { initial: "table" }), quiet: bool("Ids only", { short: "q" }) },
  async run({ flags, args, context }) {
    checkTableOrJson(flags.format);
    const name = await context.projectName();
    const client = await context.client();
    const containers = await listProjectContainers(client, name, { all: true, oneOffs: "include", services: args });
    const images = await Promise.all(containers.map((container) => imageOf(client, container)));
    if (flags.quiet) {
      const ids = new Set(images.map(({ ID }) => ID.replace("sha256:", "")));
      context.print([...ids].map((id) => `${id}\n`).join(""));
    } else if (flags.format === "json") context.print(`${JSON.stringify(images)}\n`);
    else context.print(`${tabTable([HEADER, ...images.map(cells)]).join("\n")}\n`);
  },
});

type ImageLine = Awaited<ReturnType<typeof imageOf>>;

async function imageOf(client: ApiClient, container: ContainerSummary) {
  const image = await client
    .get<ImageInspect>(`/images/${encodeURIComponent(container.ImageID)}/json`)
    .catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    });
  const { name, tag } = nameAndTag(container, image);
  const { Os = "", Architecture = "", Variant = "", Size = 0, Metadata } = image ?? {};
  return {
    ID: container.ImageID,
    ContainerName: nameOf(container),
    Repository: name,
    Tag: tag,
    Platform: [Os, Architecture, Variant].filter(Boolean).join("/"),
    Size,
    ...(Metadata?.LastTagTime && !Metadata.LastTagTime.startsWith("0001-")
      ? { LastTagTime: Metadata.LastTagTime }
      : {}),
  };
}

/** By the name that the container was made from, where the image still has it; else by the image's first name. */
function nameAndTag(container: ContainerSummary, image: ImageInspect | undefined): { name: string; tag: string } {
  const names = image?.RepoTags ?? [];
  const wanted = names.find((name) => name === container.Image || name === `${container.Image}:latest`) ?? names[0];
  if (wanted === undefined) return { name: "", tag: "" };
  const { familiarName, tag = "" } = parseReference(wanted);
  return { name: familiarName, tag };
}

function cells({ ID, ContainerName, Repository, Tag, Platform, Size, LastTagTime }: ImageLine): string[] {
  const created = LastTagTime === undefined ? "N/A" : `${humanDuration(Date.now() - Date.parse(LastTagTime))} ago`;
  return [ContainerName, Repository || NO_NAME, Tag || NO_NAME, Platform, shortId(ID), humanSize(Size, 3), created];
}
