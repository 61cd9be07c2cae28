/** The fields of one line of CSV (RFC 4180), as flags with several settings use it. Throws an Error in Go's words. */
export function csvFields(line: string): string[] {
  if (line === "") throw new Error("EOF");
  const fields: string[] = [];
  let rest = line;
  for (;;) {
    if (rest.startsWith('"')) {
      const match = /^"((?:[^"]|"")*)"(,|$)/s.exec(rest);
      if (!match) throw new Error('parse error on line 1, column 1: extraneous or missing " in quoted-field');
      fields.push(match[1]!.replaceAll('""', '"'));
      rest = rest.slice(match[0].length);
      if (match[2] === "") return fields;
      continue;
    }
    const comma = rest.indexOf(",");
    const field = comma < 0 ? rest : rest.slice(0, comma);
    if (field.includes('"')) {
      throw new Error(`parse error on line 1, column ${line.indexOf('"') + 1}: bare " in non-quoted-field`);
    }
    fields.push(field);
    if (comma < 0) return fields;
    rest = rest.slice(comma + 1);
  }
}

/** Cuts a text at the first `separator`; undefined as second part where there is none. */
export function cut(text: string, separator: string): [before: string, after: string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
