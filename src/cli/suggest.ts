import { editDistance } from "../lib/edit-distance.ts";

/** The paragraph that offers the known names closest to a mistyped one; empty when none is close. */
export function suggestion(typed: string, known: readonly string[]): string {
  if (typed === "") return "";
  const most = typed.length > 4 ? 2 : 1;
  const close = [...new Set(known)]
    .map((name) => ({ name, distance: editDistance(typed, name) }))
    .filter(({ name, distance }) => distance <= most || (typed.length > 1 && name.startsWith(typed)))
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, 3);
  if (close.length === 0) return "";
  return `Did you mean this?\n${close.map(({ name }) => `\t${name}\n`).join("")}\n`;
}
