/** The value of a Go number or character literal; undefined when it is none. */
export function parseNumber(text: string): number | undefined {
  if (text.startsWith("'")) {
    const chars = [...(unquote(`"${text.slice(1, -1).replace(/^"$/, '\\"').replace(/^\\'$/, "'")}"`) ?? "")];
    return chars.length === 1 ? chars[0]!.codePointAt(0) : undefined;
  }
  const [, sign, digits = ""] = /^([+-]?)(.*)$/.exec(text.replaceAll("_", ""))!;
  if (!/^[0-9.]/.test(digits) || digits === ".") return undefined;
  const octal = /^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits;
  const value = Number(octal);
  if (Number.isNaN(value)) return undefined;
  return sign === "-" ? -value : value;
}

const ESCAPES: Record<string, string> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  '"': '"',
};

/** The text of a Go string literal, quoted or raw; undefined when it is malformed. */
export function unquote(literal: string): string | undefined {
  if (literal.startsWith("`")) return literal.slice(1, -1).replaceAll("\r", "");
  const bytes: (string | Buffer)[] = [];
  const body = literal.slice(1, -1);
  for (let at = 0; at < body.length; ) {
    if (body[at] !== "\\") {
      const char = String.fromCodePoint(body.codePointAt(at)!);
      bytes.push(char);
      at += char.length;
      continue;
    }
    const rest = body.slice(at + 1);
    const code = /^(?:x([0-9a-fA-F]{2})|([0-7]{3}))/.exec(rest);
    const rune = /^(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(rest);
    if (code) bytes.push(Buffer.from([Number.parseInt(code[1] ?? code[2]!, code[1] ? 16 : 8) & 255]));
    else if (rune) bytes.push(String.fromCodePoint(Number.parseInt(rune[1] ?? rune[2]!, 16)));
    else if (ESCAPES[rest[0] ?? ""] !== undefined) bytes.push(ESCAPES[rest[0]!]!);
    else return undefined;
    at += 1 + (code?.[0].length ?? rune?.[0].length ?? 1);
  }
  if (bytes.every((part) => typeof part === "string")) return bytes.join("");
  return Buffer.concat(bytes.map((part) => (typeof part === "string" ? Buffer.from(part) : part))).toString();
}
