/** The capabilities of `cap_add` and `cap_drop` as docker compose sends them: full names, sorted, what is added is not dropped. */
export function effectiveCapabilities(
  add: readonly string[] = [],
  drop: readonly string[] = [],
): { add: string[] | null; drop: string[] | null } {
  const added = named(add);
  const dropped = named(drop).filter((name) => !added.includes(name));
  return { add: added.length > 0 ? added : null, drop: dropped.length > 0 ? dropped : null };
}

function named(words: readonly string[]): string[] {
  const names = words.map((word) => {
    const upper = word.trim().toUpperCase();
    return upper === "ALL" || upper === "RESET" || upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  });
  return names.includes("ALL") ? ["ALL"] : [...new Set(names)].sort();
}
