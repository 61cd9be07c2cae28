import { compileTemplate, type Template } from "../../lib/go-template/template.ts";
import { GoStruct } from "../../lib/go-template/values.ts";
import { humanSize } from "../../lib/human-size.ts";
import type { ContainerSummary } from "../../model/container.ts";
import type { ImageSummary } from "../../model/image.ts";
import type { DiskUsage } from "../../model/system.ts";
import { CliError } from "../cli-error.ts";
import { type CommandContext, defineCommand, noArgs } from "../command.ts";
import { bool, format } from "../flag-types.ts";
import { printRows, type RowKind, rowObject, rowsText } from "../format.ts";
import { containerKind, containerRow } from "../rows/container-row.ts";
import { IMAGE_USAGE_KIND, imageRow } from "../rows/image-row.ts";
import { CACHE_KIND, type CacheRecord, cacheRecordRow, USAGE_KIND, usageRows } from "../rows/usage-row.ts";
import { VOLUME_USAGE_KIND, volumeRow } from "../rows/volume-row.ts";

const CONTAINER_COLUMNS = ["ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names"];

export const command = defineCommand({
  usage: "[OPTIONS]",
  summary: "Show what takes space",
  args: noArgs,
  flags: { format: format(), verbose: bool("Show each object", { short: "v" }) },
  async run({ flags, context }) {
    const client = await context.client();
    const usage = await client.get<DiskUsage>("/system/df");
    if (!flags.verbose) printRows(context, USAGE_KIND, usageRows(usage), { format: flags.format });
    else if (flags.format === "" || flags.format === "table") printTables(context, usage);
    else context.print(verboseText(usage, flags.format === "json" ? "{{json .}}" : flags.format));
  },
});

function printTables(context: CommandContext, usage: DiskUsage): void {
  const { images, containers, volumes, caches } = verboseRows(usage, true);
  const tables = [
    `Images space usage:\n\n${rowsText(IMAGE_USAGE_KIND, images, { format: "" })}`,
    `Containers space usage:\n\n${rowsText(containerUsageKind(), containers, { format: "" })}`,
    `Local Volumes space usage:\n\n${rowsText(VOLUME_USAGE_KIND, volumes, { format: "" })}`,
    `Build cache usage: ${cacheSize(usage)}\n\n${rowsText(CACHE_KIND, caches, { format: "" })}`,
  ];
  context.print(tables.join("\n"));
}

function containerUsageKind() {
  return { ...containerKind(false), table: CONTAINER_COLUMNS.map((column) => `{{.${column}}}`).join("\t") };
}

function cacheSize(usage: DiskUsage): string {
  const records = (usage.BuildCache ?? []) as CacheRecord[];
  return humanSize(records.filter(({ Shared }) => !Shared).reduce((sum, { Size }) => sum + Size, 0));
}

function verboseRows(usage: DiskUsage, truncate: boolean) {
  return {
    images: (usage.Images ?? []).map((image) => usageImageRow(image, truncate)),
    // only what the container itself wrote counts here, not its image
    containers: (usage.Containers ?? []).map((container: ContainerSummary) =>
      containerRow({ ...container, SizeRootFs: 0 }, truncate),
    ),
    volumes: (usage.Volumes ?? []).map(volumeRow),
    caches: ((usage.BuildCache ?? []) as CacheRecord[]).map((record) => cacheRecordRow(record, truncate)),
  };
}

/** An image has one row here, under its first tag. */
function usageImageRow(image: ImageSummary, truncate: boolean) {
  const first = image.RepoTags?.[0] ?? "<none>:<none>";
  const colon = first.lastIndexOf(":");
  const name = { repository: first.slice(0, colon), tag: first.slice(colon + 1), digest: "" };
  return imageRow(image, name, truncate);
}

/** The text of a template over all rows at once, without a newline of its own. */
function verboseText(usage: DiskUsage, source: string): string {
  let template: Template;
  try {
    template = compileTemplate(source);
  } catch (error) {
    throw new CliError(`template parsing error: ${(error as Error).message}`);
  }
  try {
    return template.execute(verboseView(usage));
  } catch (error) {
    throw new CliError((error as Error).message);
  }
}

function verboseView(usage: DiskUsage): GoStruct {
  const { images, containers, volumes, caches } = verboseRows(usage, false);
  const objects = <T>(kind: RowKind<T>, rows: T[]) => rows.map((row) => rowObject(kind, row));
  return new GoStruct("*formatter.diskUsageContext", {
    Images: objects(IMAGE_USAGE_KIND, images),
    Containers: objects(containerUsageKind(), containers),
    Volumes: objects(VOLUME_USAGE_KIND, volumes),
    BuildCache: objects(CACHE_KIND, caches),
  });
}
