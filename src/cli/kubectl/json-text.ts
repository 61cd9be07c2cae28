/** JSON as Go's encoder writes it: four spaces, members in the order of their names, signs that mean something in HTML as escapes. */
export function sortedJsonText(value: unknown): string {
  return nodeText(value, "", (names) => names.sort());
}

/** The same with members in the order that they have. */
export function jsonText(value: unknown): string {
  return nodeText(value, "", (names) => names);
}

function nodeText(value: unknown, margin: string, order: (names: string[]) => string[]): string {
  if (typeof value !== "object" || value === null) return scalarJson(value);
  const inner = `${margin}    `;
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    return `[\n${value.map((item) => `${inner}${nodeText(item, inner, order)}`).join(",\n")}\n${margin}]`;
  }
  const members = value as Record<string, unknown>;
  const names = order(Object.keys(members).filter((name) => members[name] !== undefined));
  if (names.length === 0) return "{}";
  const lines = names.map((name) => `${inner}${scalarJson(name)}: ${nodeText(members[name], inner, order)}`);
  return `{\n${lines.join(",\n")}\n${margin}}`;
}

/** A text, a number, a word of JSON on one line. */
function scalarJson(value: unknown): string {
  return JSON.stringify(value ?? null).replaceAll(
    /[<>&\u2028\u2029]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** On one line, members in the order of their names. */
export function shortJsonText(value: unknown): string {
  if (typeof value !== "object" || value === null) return scalarJson(value);
  if (Array.isArray(value)) return `[${value.map(shortJsonText).join(",")}]`;
  const members = value as Record<string, unknown>;
  const names = Object.keys(members)
    .filter((name) => members[name] !== undefined)
    .sort();
  return `{${names.map((name) => `${scalarJson(name)}:${shortJsonText(members[name])}`).join(",")}}`;
}
