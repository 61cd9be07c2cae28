/** Times in objects, read. */

/** Unix milliseconds of a time in an object; `missing` when there is none. */
export function instant(text: string | undefined, missing = 0): number {
  if (text === undefined) return missing;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? missing : ms;
}
