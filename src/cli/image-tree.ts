import { shortDigest } from "../lib/digest.ts";
import { humanSize } from "../lib/human-size.ts";
import type { ImageSummary, ManifestSummary, Platform } from "../model/image.ts";

interface TreeRow {
  name: string;
  id: string;
  diskUsage: string;
  contentSize: string;
  extra: string;
}

const COLUMNS: readonly [keyof TreeRow, heading: string, isNumber: boolean][] = [
  ["name", "IMAGE", false],
  ["id", "ID", false],
  ["diskUsage", "DISK USAGE", true],
  ["contentSize", "CONTENT SIZE", true],
  ["extra", "EXTRA", false],
];
const GAP = "   ";

/** Images with their platforms below them, as `images --tree` prints them. "U" marks what containers use. */
export function imageTree(images: readonly ImageSummary[]): string {
  const groups = images.map(imageRows);
  const rows = groups.flat();
  const widths = COLUMNS.map(([field, heading]) => Math.max(heading.length, ...rows.map((row) => row[field].length)));
  const line = (texts: string[]) => texts.join(GAP).trimEnd();
  const cell = (text: string, index: number) =>
    COLUMNS[index]![2] ? text.padStart(widths[index]!) : text.padEnd(widths[index]!);
  const head = line(COLUMNS.map(([, heading], index) => heading.padEnd(widths[index]!)));
  const body = groups.map((group) =>
    group.map((row) => line(COLUMNS.map(([field], index) => cell(row[field], index)))).join("\n"),
  );
  return `U: in use\n\n${[head, body.join("\n\n")].join("\n")}\n`;
}

/** The image's names, all of its figures in the last one's row, then its platforms. */
function imageRows(image: ImageSummary): TreeRow[] {
  const manifests = (image.Manifests ?? []).filter(({ Kind }) => Kind === "image");
  const names = image.RepoTags.length > 0 ? image.RepoTags : ["<untagged>"];
  const content = (image.Manifests ?? []).reduce((sum, { Size }) => sum + Size.Content, 0);
  const own: TreeRow = {
    name: names.at(-1)!,
    id: shortDigest(image.Id),
    diskUsage: humanSize(image.Size, 3),
    contentSize: humanSize(content, 3),
    extra: image.Containers > 0 ? "U" : "",
  };
  const others = names.slice(0, -1).map((name) => ({ name, id: "", diskUsage: "", contentSize: "", extra: "" }));
  return [...others, own, ...manifests.map((manifest, index) => platformRow(manifest, index === manifests.length - 1))];
}

function platformRow({ ID, ImageData, Available, Size }: ManifestSummary, isLast: boolean): TreeRow {
  const branch = isLast ? "└─" : "├─";
  return {
    name: `${branch} ${platformText(ImageData?.Platform)}`,
    id: shortDigest(ID),
    diskUsage: Available ? humanSize(Size.Total, 3) : "not here",
    contentSize: Available ? humanSize(Size.Content, 3) : "",
    extra: (ImageData?.Containers.length ?? 0) > 0 ? "U" : "",
  };
}

function platformText(platform: Platform | undefined): string {
  if (platform === undefined) return "unknown";
  return [platform.os, platform.architecture, platform.variant].filter(Boolean).join("/");
}
