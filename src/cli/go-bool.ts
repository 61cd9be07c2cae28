/** A switch as Go reads it: 1, t, true, 0, f, false in a few spellings. */
export function parseGoBool(text: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
  throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

/** True where a variable of the surroundings says so; what is no switch counts as off. */
export function isSwitchedOn(text: string | undefined): boolean {
  if (!text) return false;
  try {
    return parseGoBool(text);
  } catch {
    return false;
  }
}
