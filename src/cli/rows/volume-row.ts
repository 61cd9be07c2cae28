import { humanSize } from "../../lib/human-size.ts";
import type { Volume } from "../../model/volume.ts";
import type { RowKind } from "../format.ts";
import { rowFields } from "./row-fields.ts";
import { joinLabels } from "./row-text.ts";

const UNKNOWN = "N/A";

const HEADERS: Record<string, string> = {
  Name: "VOLUME NAME",
  Driver: "DRIVER",
  Scope: "SCOPE",
  Availability: "AVAILABILITY",
  Mountpoint: "MOUNTPOINT",
  Labels: "LABELS",
  Links: "LINKS",
  Size: "SIZE",
  Group: "GROUP",
  Status: "STATUS",
};

const KIND = { typeName: "*formatter.volumeContext", fields: rowFields<VolumeRow>(HEADERS, ["Label"]) };

type VolumeRow = ReturnType<typeof volumeRow>;

/** Volumes as `volume ls` shows them. */
export const VOLUME_KIND: RowKind<VolumeRow> = {
  ...KIND,
  table: "{{.Driver}}\t{{.Name}}",
  quiet: "{{.Name}}",
  raw: "name: {{.Name}}\ndriver: {{.Driver}}\n",
};

/** Volumes as `volume ls --cluster` shows them. */
export const CLUSTER_VOLUME_KIND: RowKind<VolumeRow> = {
  ...VOLUME_KIND,
  table: "{{.Name}}\t{{.Group}}\t{{.Driver}}\t{{.Availability}}\t{{.Status}}",
};

/** Volumes as `system df -v` shows them. */
export const VOLUME_USAGE_KIND: RowKind<VolumeRow> = { ...KIND, table: "{{.Name}}\t{{.Links}}\t{{.Size}}" };

/** A volume as templates see it. */
export function volumeRow(volume: Volume) {
  const labels = volume.Labels ?? {};
  const usage = volume.UsageData;
  return {
    Name: volume.Name,
    Driver: volume.Driver,
    Scope: volume.Scope,
    Mountpoint: volume.Mountpoint,
    Labels: joinLabels(labels),
    Label: (name: string) => labels[name] ?? "",
    Links: usage ? String(usage.RefCount) : UNKNOWN,
    Size: usage ? humanSize(usage.Size) : UNKNOWN,
    Group: UNKNOWN,
    Availability: UNKNOWN,
    Status: UNKNOWN,
  };
}
