/** The grammar of kubectl's JSONPath templates (the Kubernetes documentation's "JSONPath Support"): text to nodes. */

/** A template that cannot be read, or does not fit the object. */
export class JsonPathError extends Error {}

export type Step =
  | { kind: "field"; name: string }
  | { kind: "wildcard" }
  | { kind: "descent" }
  | { kind: "slice"; from: number | undefined; to: number | undefined; step: number }
  | { kind: "union"; members: Path[] }
  | { kind: "filter"; left: Operand; operator: string; right: Operand | undefined };
export type Path = { fromRoot: boolean; steps: Step[] };
export type Operand = { kind: "path"; path: Path } | { kind: "value"; value: unknown };
export type Node =
  | { kind: "text"; text: string }
  | { kind: "value"; value: unknown }
  | { kind: "path"; path: Path }
  | { kind: "range"; path: Path; body: Node[] };

/** @throws JsonPathError */
export const parseTemplate = (template: string): Node[] => new TemplateParser(template).parse();

class TemplateParser {
  private at = 0;
  constructor(private readonly text: string) {}

  parse(): Node[] {
    const [nodes] = this.nodes(false);
    return nodes;
  }

  private nodes(isInRange: boolean): [Node[], boolean] {
    const nodes: Node[] = [];
    while (this.at < this.text.length) {
      const open = this.text.indexOf("{", this.at);
      const end = open < 0 ? this.text.length : open;
      if (end > this.at) nodes.push({ kind: "text", text: this.text.slice(this.at, end) });
      if (open < 0) {
        this.at = this.text.length;
        break;
      }
      this.at = open + 1;
      const expression = this.expression();
      if (expression === "end") {
        if (!isInRange) throw new JsonPathError("not in range, nothing to end");
        return [nodes, true];
      }
      const range = /^range\s+(.*)$/s.exec(expression);
      if (range) {
        const [body, isClosed] = this.nodes(true);
        if (!isClosed) throw new JsonPathError("unclosed range: write {end}");
        nodes.push({ kind: "range", path: parsePath(range[1]!), body });
      } else nodes.push(...this.contents(expression));
    }
    return [nodes, false];
  }

  /** The text up to the closing brace, quotes and brackets respected. */
  private expression(): string {
    const from = this.at;
    let quote = "";
    for (; this.at < this.text.length; this.at++) {
      const sign = this.text[this.at]!;
      if (quote !== "") {
        if (sign === "\\") this.at++;
        else if (sign === quote) quote = "";
      } else if (sign === '"' || sign === "'") quote = sign;
      else if (sign === "}") return this.text.slice(from, this.at++).trim();
    }
    const rest = this.text.slice(from);
    if (rest.lastIndexOf("[") > rest.lastIndexOf("]")) throw new JsonPathError("unterminated array");
    throw new JsonPathError("unclosed action");
  }

  /** `{"text"}`, `{.a.b}`, and several of them with spaces between. */
  private contents(expression: string): Node[] {
    return splitOutside(expression, (sign) => /\s/.test(sign)).map((part): Node => {
      const quoted = /^(["'])(.*)\1$/s.exec(part);
      if (quoted) return { kind: "text", text: unquote(part) };
      if (/^-?\d+(\.\d+)?$/.test(part)) return { kind: "value", value: Number(part) };
      return { kind: "path", path: parsePath(part) };
    });
  }
}

function unquote(text: string): string {
  const inner = text.slice(1, -1);
  return inner.replace(/\\(.)/gs, (_all, sign: string) => ({ n: "\n", t: "\t", r: "\r" })[sign] ?? sign);
}

/** Cuts at signs that stand outside of quotes and brackets. */
function splitOutside(text: string, isCut: (sign: string) => boolean): string[] {
  const parts: string[] = [];
  let part = "";
  let depth = 0;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]!;
    if (quote !== "") {
      if (sign === "\\") part += text[at++];
      else if (sign === quote) quote = "";
    } else if (sign === '"' || sign === "'") quote = sign;
    else if (sign === "[" || sign === "(") depth++;
    else if (sign === "]" || sign === ")") depth--;
    if (quote === "" && depth === 0 && isCut(sign)) {
      if (part !== "") parts.push(part);
      part = "";
    } else part += text[at] ?? "";
  }
  if (part !== "") parts.push(part);
  return parts;
}

function parsePath(text: string): Path {
  let at = 0;
  let fromRoot = false;
  if (text[0] === "$") {
    fromRoot = true;
    at = 1;
  } else if (text[0] === "@") at = 1;
  const steps: Step[] = [];
  while (at < text.length) {
    if (text.startsWith("..", at)) {
      steps.push({ kind: "descent" });
      at += text[at + 2] === "[" ? 2 : 1;
      if (text[at] === ".") {
        const field = readField(text, at + 1);
        if (field.name === "") throw new JsonPathError(`unrecognized path after ".." in ${text}`);
        steps.push(field.name === "*" ? { kind: "wildcard" } : field);
        at = field.end;
      }
    } else if (text[at] === ".") {
      const field = readField(text, at + 1);
      if (field.name === "*") steps.push({ kind: "wildcard" });
      else if (field.name !== "") steps.push(field);
      at = field.end;
    } else if (text[at] === "[") {
      const close = closing(text, at);
      steps.push(bracket(text.slice(at + 1, close)));
      at = close + 1;
    } else throw new JsonPathError(`unrecognized character in action: ${JSON.stringify(text[at])}`);
  }
  return { fromRoot, steps };
}

function readField(text: string, from: number): { kind: "field"; name: string; end: number } {
  let name = "";
  let at = from;
  for (; at < text.length && text[at] !== "." && text[at] !== "["; at++) {
    if (text[at] === "\\" && at + 1 < text.length) at++;
    name += text[at];
  }
  return { kind: "field", name, end: at };
}

function closing(text: string, open: number): number {
  let depth = 0;
  let quote = "";
  for (let at = open; at < text.length; at++) {
    const sign = text[at]!;
    if (quote !== "") {
      if (sign === "\\") at++;
      else if (sign === quote) quote = "";
    } else if (sign === '"' || sign === "'") quote = sign;
    else if (sign === "[") depth++;
    else if (sign === "]" && --depth === 0) return at;
  }
  throw new JsonPathError(`unterminated array in ${text}`);
}

function bracket(inner: string): Step {
  if (inner === "*") return { kind: "wildcard" };
  const filter = /^\?\((.*)\)$/s.exec(inner.trim());
  if (filter) return parseFilter(filter[1]!.trim());
  const members = splitOutside(inner, (sign) => sign === ",").map((part) => part.trim());
  if (members.length > 1) {
    return { kind: "union", members: members.map((part) => ({ fromRoot: false, steps: [bracket(part)] })) };
  }
  // A quoted key is a path of its own: its dots divide, unless they are escaped.
  if (/^(["']).*\1$/s.test(inner)) return { kind: "union", members: [parsePath(`.${inner.slice(1, -1)}`)] };
  const slice = /^(-?\d+)?(:(-?\d+)?)?(:(\d+)?)?$/.exec(inner);
  if (slice && inner !== "") {
    const [, from, hasTo, to, , step] = slice;
    if (hasTo === undefined) {
      const index = Number(from);
      return { kind: "slice", from: index, to: index === -1 ? undefined : index + 1, step: 1 };
    }
    const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
    return { kind: "slice", from: number(from), to: number(to), step: number(step) ?? 1 };
  }
  if (/^[\w-]+$/.test(inner)) return { kind: "field", name: inner };
  throw new JsonPathError(`invalid array index ${inner}`);
}

function parseFilter(text: string): Step {
  const match = /^(.*?)\s*(==|!=|<=|>=|<|>)\s*(.*)$/s.exec(text);
  if (match === null) return { kind: "filter", left: operand(text), operator: "exists", right: undefined };
  return { kind: "filter", left: operand(match[1]!), operator: match[2]!, right: operand(match[3]!) };
}

function operand(text: string): Operand {
  const trimmed = text.trim();
  if (/^(["']).*\1$/s.test(trimmed)) return { kind: "value", value: unquote(trimmed) };
  if (/^-?\d+(\.\d+)?$/.test(trimmed)) return { kind: "value", value: Number(trimmed) };
  if (trimmed === "true" || trimmed === "false") return { kind: "value", value: trimmed === "true" };
  return { kind: "path", path: parsePath(trimmed) };
}
