/**
 * Lays JSON text out over lines, four spaces a level, as Go's json.Indent does. It works on the text, so that numbers,
 * escapes and the order of keys stay exactly as the daemon wrote them.
 */
export function indentJson(json: string, indent = "    "): string {
  const tokens = json.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  let text = "";
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    const before = tokens[index - 1];
    if (token === "{" || token === "[") {
      text += token;
      depth++;
      const isEmpty = tokens[index + 1] === (token === "{" ? "}" : "]");
      if (!isEmpty) text += `\n${indent.repeat(depth)}`;
    } else if (token === "}" || token === "]") {
      depth--;
      const isEmpty = before === (token === "}" ? "{" : "[");
      if (!isEmpty) text += `\n${indent.repeat(depth)}`;
      text += token;
    } else if (token === ",") text += `,\n${indent.repeat(depth)}`;
    else if (token === ":") text += ": ";
    else text += token;
  }
  return text;
}
