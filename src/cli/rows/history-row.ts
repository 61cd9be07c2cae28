import { humanDuration } from "../../lib/human-duration.ts";
import { humanSize } from "../../lib/human-size.ts";
import type { ImageHistoryItem } from "../../model/image.ts";
import type { RowKind } from "../format.ts";
import { rowFields } from "./row-fields.ts";
import { ellipsis, GO_ZERO_TIME, rfc3339, shortId } from "./row-text.ts";

const CREATED_BY_COLUMNS = 45;

const HEADERS: Record<string, string> = {
  ID: "IMAGE",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  CreatedBy: "CREATED BY",
  Size: "SIZE",
  Comment: "COMMENT",
};

/** The steps of an image as `history` shows them. */
export function historyKind(isHuman: boolean): RowKind<ReturnType<typeof historyRow>> {
  return {
    typeName: "*image.historyContext",
    fields: rowFields(HEADERS),
    table: `{{.ID}}\t{{.${isHuman ? "CreatedSince" : "CreatedAt"}}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`,
    quiet: "{{.ID}}",
  };
}

/** A step of an image's history as templates see it. */
export function historyRow(item: ImageHistoryItem, truncate: boolean, isHuman: boolean, nowMs = Date.now()) {
  const createdBy = item.CreatedBy.replaceAll("\t", " ");
  return {
    ID: truncate ? shortId(item.Id) : item.Id,
    // a zero time has been squashed or rebased away
    CreatedSince: item.Created <= GO_ZERO_TIME ? "N/A" : `${humanDuration(nowMs - item.Created * 1000)} ago`,
    CreatedAt: item.Created <= GO_ZERO_TIME ? "" : rfc3339(item.Created),
    CreatedBy: truncate ? ellipsis(createdBy, CREATED_BY_COLUMNS) : createdBy,
    Size: isHuman ? humanSize(item.Size, 3) : String(item.Size),
    Comment: item.Comment,
  };
}
