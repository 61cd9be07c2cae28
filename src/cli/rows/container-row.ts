import { goQuoted } from "../../lib/go-quote.ts";
import { humanDuration } from "../../lib/human-duration.ts";
import { humanSize } from "../../lib/human-size.ts";
import type { ContainerSummary } from "../../model/container.ts";
import type { RowKind } from "../format.ts";
import { portList } from "./port-list.ts";
import { rowFields } from "./row-fields.ts";
import { byCodePoint, ellipsis, goTime, joinLabels, shortId } from "./row-text.ts";

const COMMAND_COLUMNS = 20;
const MOUNT_COLUMNS = 15;

export const HEADERS: Readonly<Record<string, string>> = {
  ID: "CONTAINER ID",
  Names: "NAMES",
  Image: "IMAGE",
  Command: "COMMAND",
  CreatedAt: "CREATED AT",
  RunningFor: "CREATED",
  Ports: "PORTS",
  State: "STATE",
  Status: "STATUS",
  Size: "SIZE",
  Labels: "LABELS",
  Mounts: "MOUNTS",
  LocalVolumes: "LOCAL VOLUMES",
  Networks: "NETWORKS",
  Platform: "PLATFORM",
};

/** The fields of the default table, in its order; `ps --size` has one more. */
export const TABLE_FIELDS = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"] as const;

type ContainerRow = ReturnType<typeof containerRow>;

/** Containers as `ps` shows them. */
export function containerKind(withSize: boolean): RowKind<ContainerRow> {
  return {
    typeName: "*formatter.ContainerContext",
    fields: rowFields(HEADERS, ["Label"]),
    table: tableTemplate(withSize),
    quiet: "{{.ID}}",
    raw: containerRaw(withSize),
  };
}

function tableTemplate(withSize: boolean): string {
  const columns = [...TABLE_FIELDS, ...(withSize ? ["Size"] : [])];
  return columns.map((column) => `{{.${column}}}`).join("\t");
}

/** The older `--format raw`. */
function containerRaw(withSize: boolean): string {
  return [
    "container_id: {{.ID}}",
    "image: {{.Image}}",
    "command: {{.Command}}",
    "created_at: {{.CreatedAt}}",
    "state: {{- pad .State 1 0}}",
    "status: {{- pad .Status 1 0}}",
    "names: {{.Names}}",
    "labels: {{- pad .Labels 1 0}}",
    "ports: {{- pad .Ports 1 0}}",
    ...(withSize ? ["size: {{.Size}}"] : []),
    "",
  ].join("\n");
}

/** A container as templates see it. `truncate` shortens ids, commands, names and mounts. */
export function containerRow(container: ContainerSummary, truncate: boolean, nowMs = Date.now()) {
  const labels = container.Labels ?? {};
  return {
    ID: truncate ? shortId(container.Id) : container.Id,
    Names: namesText(container.Names, truncate),
    Image: imageText(container, truncate),
    Command: commandText(container.Command, truncate),
    // asked for rarely, and time zones take milliseconds to load
    get CreatedAt() {
      return goTime(container.Created);
    },
    RunningFor: `${humanDuration(nowMs - container.Created * 1000)} ago`,
    Ports: portList(container.Ports ?? []),
    State: container.State,
    Status: container.Status,
    // what follows is not in the default table
    get Size() {
      return sizeText(container);
    },
    get Labels() {
      return joinLabels(labels);
    },
    Label: (name: string) => labels[name] ?? "",
    get Mounts() {
      return (container.Mounts ?? [])
        .map((mount) => mount.Name || mount.Source)
        .map((name) => (truncate ? ellipsis(name, MOUNT_COLUMNS) : name))
        .join(",");
    },
    get LocalVolumes() {
      return String((container.Mounts ?? []).filter((mount) => mount.Driver === "local").length);
    },
    get Networks() {
      return Object.keys(container.NetworkSettings?.Networks ?? {})
        .sort(byCodePoint)
        .join(",");
    },
    Platform: null,
  };
}

/** The COMMAND cell. */
export function commandText(command: string, truncate: boolean): string {
  return goQuoted(truncate ? ellipsis(command, COMMAND_COLUMNS) : command);
}

/** The NAMES cell. */
export function namesText(names: readonly string[], truncate: boolean): string {
  const plain = (names ?? []).map((name) => name.replace(/^\//, ""));
  // a link shows as another name, `parent/alias`
  const own = truncate ? plain.find((name) => !name.includes("/")) : undefined;
  return own ?? plain.join(",");
}

/** The IMAGE cell: as people write the name, without a digest. */
export function imageText({ Image: image, ImageID: id }: ContainerSummary, truncate: boolean): string {
  if (image === "") return "<no image>";
  if (!truncate) return image;
  if (shortId(id ?? "") === shortId(image)) return shortId(image);
  const name = /^([^@]+)@[a-z0-9+._-]+:[0-9a-f]+$/.exec(image)?.[1] ?? image;
  return name.replace(/^(index\.)?docker\.io\/(library\/(?=[^/]+$))?(?=.)/, "");
}

function sizeText({ SizeRw: written = 0, SizeRootFs: all = 0 }: ContainerSummary): string {
  const text = humanSize(written, 3);
  return all > 0 ? `${text} (virtual ${humanSize(all, 3)})` : text;
}
