/** Debian's control files and e-mail headers: "Name: value" lines, continued by lines that begin with a blank (deb822(5)). */

export type Fields = Map<string, string>;

/** Paragraphs parted by empty lines; names in lower case; the first of several fields of a name wins. Bad lines are passed over. */
export function* paragraphs(text: string): Generator<Fields> {
  let fields: Fields = new Map();
  let current: string | undefined;
  for (const line of lines(text)) {
    if (line.trim() === "") {
      if (fields.size > 0) yield fields;
      fields = new Map();
      current = undefined;
    } else if (line[0] === " " || line[0] === "\t") {
      if (current !== undefined) fields.set(current, `${fields.get(current)}\n${line.slice(1)}`);
    } else {
      current = readField(line, fields);
    }
  }
  if (fields.size > 0) yield fields;
}

/** The headers before the first empty line, each name with all of its values. */
export function headers(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let last: string[] | undefined;
  for (const line of lines(text)) {
    if (line.trim() === "") break;
    if (line[0] === " " || line[0] === "\t") {
      if (last) last.push(`${last.pop() ?? ""}\n${line.trim()}`);
      continue;
    }
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const name = line.slice(0, colon).toLowerCase();
    last = found.get(name) ?? [];
    last.push(line.slice(colon + 1).trim());
    found.set(name, last);
  }
  return found;
}

function readField(line: string, fields: Fields): string | undefined {
  const colon = line.indexOf(":");
  if (colon <= 0) return undefined;
  const name = line.slice(0, colon).toLowerCase();
  if (fields.has(name)) return undefined;
  fields.set(name, line.slice(colon + 1).trim());
  return name;
}

function* lines(text: string): Generator<string> {
  let start = 0;
  while (start < text.length) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    yield text.slice(start, text[end - 1] === "\r" ? end - 1 : end);
    start = end + 1;
  }
}
