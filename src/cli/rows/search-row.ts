import type { SearchResult } from "../../distribution/contract.ts";
import type { RowKind } from "../format.ts";
import { rowFields } from "./row-fields.ts";
import { ellipsis } from "./row-text.ts";

const HEADERS: Record<string, string> = {
  Name: "NAME",
  Description: "DESCRIPTION",
  StarCount: "STARS",
  IsOfficial: "OFFICIAL",
};
const DESCRIPTION_WIDTH = 45;

type SearchRow = ReturnType<typeof searchRow>;

/** What `search` found. */
export const SEARCH_KIND: RowKind<SearchRow> = {
  typeName: "*registry.searchContext",
  fields: rowFields<SearchRow>(HEADERS),
  table: "{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}",
};

/** `isJson`: flags are words there, and a mark elsewhere. */
export function searchRow(result: SearchResult, options: { isShort: boolean; isJson: boolean }) {
  const description = result.description.replace(/[\n\r]/g, " ");
  const mark = result.is_official ? "[OK]" : "";
  return {
    Name: result.name,
    Description: options.isShort ? ellipsis(description, DESCRIPTION_WIDTH) : description,
    StarCount: String(result.star_count),
    IsOfficial: options.isJson ? String(result.is_official) : mark,
  };
}
