import type { ImageSummary } from "../../model/image.ts";
import { CliError } from "../cli-error.ts";
import { type CommandContext, defineCommand, maxArgs } from "../command.ts";
import { bool, filter, format } from "../flag-types.ts";
import type { FlagValues } from "../flags.ts";
import { printRows } from "../format.ts";
import { imageTree } from "../image-tree.ts";
import { imageKind, imageNames, imageRow } from "../rows/image-row.ts";

const flags = {
  all: bool("Those in between too", { short: "a" }),
  digests: bool("Digests too"),
  filter: filter("Show only what fits, as key=value"),
  format: format(),
  "no-trunc": bool("Show whole ids and texts"),
  quiet: bool("Ids only", { short: "q" }),
  tree: bool("Show images with their platforms below them"),
};

export const command = defineCommand({
  usage: "[OPTIONS] [REPOSITORY[:TAG]]",
  summary: "Show images",
  aliases: ["image ls", "image list", "images"],
  args: maxArgs(1),
  flags,
  async run({ flags: values, args, context }) {
    await listImages(context, values, args[0]);
  },
});

async function listImages(
  context: CommandContext,
  values: FlagValues<typeof flags>,
  reference: string | undefined,
): Promise<void> {
  if (values.tree) return await showTree(context, values, reference);
  const { quiet, digests } = values;
  const chosen = values.format || (quiet ? "" : ((await context.config()).imagesFormat ?? ""));
  const filters = reference === undefined ? values.filter : { ...values.filter, reference: [reference] };
  const client = await context.client();
  const images =
    (await client.get<ImageSummary[] | null>("/images/json", { query: { all: values.all, filters } })) ?? [];
  const withDigest = digests || filters.digest !== undefined || /\.Digest\b/.test(chosen);
  const rows = images.flatMap((image) =>
    imageNames(image, withDigest).map((name) => imageRow(image, name, !values["no-trunc"])),
  );
  printRows(context, imageKind(digests), rows, { format: chosen, quiet });
}

async function showTree(
  context: CommandContext,
  values: FlagValues<typeof flags>,
  reference: string | undefined,
): Promise<void> {
  for (const flag of ["quiet", "no-trunc", "digests", "format"] as const) {
    if (values[flag]) throw new CliError(`--${flag} is not yet supported with --tree`);
  }
  const filters = reference === undefined ? values.filter : { ...values.filter, reference: [reference] };
  const client = await context.client();
  const images = await client.get<ImageSummary[]>("/images/json", {
    query: { all: values.all, manifests: true, filters },
  });
  context.print(imageTree(images));
}
