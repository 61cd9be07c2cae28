import { findGoBool } from "../lib/go-bool.ts";

/** A switch as Go reads it: 1, t, true, 0, f, false in a few spellings. */
export function parseGoBool(text: string): boolean {
  const known = findGoBool(text);
  if (known !== undefined) return known;
  throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

/** True where a variable of the surroundings says so; what is no switch counts as off. */
export function isSwitchedOn(text: string | undefined): boolean {
  return findGoBool(text ?? "") ?? false;
}
