/** Kubernetes writes times in whole seconds (meta/v1 Time). */

/** `ms` (Unix milliseconds) as "2026-11-21T13:56:38Z". */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** Unix milliseconds of a time in an object; `missing` when there is none. */
export function instant(text: string | undefined, missing = 0): number {
  if (text === undefined) return missing;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? missing : ms;
}
