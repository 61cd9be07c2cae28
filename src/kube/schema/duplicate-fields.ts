/** Finds fields that a JSON text gives twice, which JSON.parse does not tell. */

interface Level {
  /** Undefined inside a list. */
  keys: Set<string> | undefined;
  /** The index in a list. */
  index: number;
  /** The key whose value is being read. */
  key: string;
}

/**
 * Paths of the fields that occur more than once in the text ("spec.containers[0].image"), each once. The text must be valid JSON
 * (JSON.parse took it).
 */
export function findDuplicateFields(text: string): string[] {
  const found = new Set<string>();
  const levels: Level[] = [];
  let expectKey = false;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case 0x7b: // {
        levels.push({ keys: new Set(), index: 0, key: "" });
        expectKey = true;
        break;
      case 0x5b: // [
        levels.push({ keys: undefined, index: 0, key: "" });
        expectKey = false;
        break;
      case 0x7d:
      case 0x5d:
        levels.pop();
        expectKey = false;
        break;
      case 0x2c: {
        const level = levels.at(-1);
        if (level?.keys === undefined && level !== undefined) level.index += 1;
        expectKey = level?.keys !== undefined;
        break;
      }
      case 0x22: {
        const end = endOfString(text, at);
        const level = levels.at(-1);
        if (expectKey && level?.keys !== undefined) {
          const raw = text.slice(at + 1, end);
          level.key = raw.includes("\\") ? (JSON.parse(`"${raw}"`) as string) : raw;
          if (level.keys.has(level.key)) found.add(pathOf(levels));
          level.keys.add(level.key);
          expectKey = false;
        }
        at = end;
        break;
      }
    }
  }
  return [...found];
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; at += 1) {
    at = text.indexOf('"', at);
    if (at < 0) return text.length;
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === 0x5c) slashes += 1;
    if (slashes % 2 === 0) return at;
  }
}

function pathOf(levels: readonly Level[]): string {
  let path = "";
  for (const level of levels) {
    path += level.keys === undefined ? `[${level.index}]` : path === "" ? level.key : `.${level.key}`;
  }
  return path;
}
