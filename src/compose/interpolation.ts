import { NaruError } from "../lib/errors.ts";

/** The value of a variable, or undefined where it is not set. */
export type Lookup = (name: string) => string | undefined;
/** A variable that a text names, with what the text says should stand for it. */
interface NamedVariable {
  name: string;
  isRequired: boolean;
  byDefault: string;
  whenSet: string;
}

const NAME = /^[_a-zA-Z][_a-zA-Z0-9]*/;
const OPERATORS = [":-", ":?", ":+", "-", "?", "+"] as const;
type Operator = (typeof OPERATORS)[number];

/** Not a template: the text has a `$` that begins nothing. */
class BadTemplate extends NaruError {
  constructor(template: string) {
    super("invalid", `Invalid template: ${JSON.stringify(template)}`);
  }
}

/**
 * The text with its variables replaced, in all forms of the Compose specification: `$X`, `${X}`, `${X:-default}`, `${X-default}`,
 * `${X:?message}`, `${X?message}`, `${X:+other}`, `${X+other}`, nested to any depth; `$$` is a dollar.
 * `onUnset` hears of each variable that is not set and has no default. Throws "invalid".
 */
export function interpolate(template: string, lookup: Lookup, onUnset: (name: string) => void): string {
  return eachPart(template, (part) => {
    const { name, operator, rest } = part;
    const value = lookup(name);
    if (operator === undefined) {
      if (value === undefined) onUnset(name);
      return value ?? "";
    }
    const isGiven = operator.startsWith(":") ? value !== undefined && value !== "" : value !== undefined;
    const inner = () => interpolate(rest, lookup, onUnset);
    if (operator.endsWith("-")) return isGiven ? value! : inner();
    if (operator.endsWith("+")) return isGiven ? inner() : "";
    if (isGiven) return value!;
    const reason = inner();
    throw new NaruError("invalid", `required variable ${name} is missing a value${reason === "" ? "" : `: ${reason}`}`);
  });
}

/** The variables that a text names, those inside of defaults too. */
export function namedVariables(template: string): NamedVariable[] {
  const found: NamedVariable[] = [];
  eachPart(template, ({ name, operator, rest }) => {
    found.push({
      name,
      isRequired: operator?.endsWith("?") ?? false,
      byDefault: operator?.endsWith("-") ? rest : "",
      whenSet: operator?.endsWith("+") ? rest : "",
    });
    if (operator !== undefined) found.push(...namedVariables(rest));
    return "";
  });
  return found;
}

interface Part {
  name: string;
  operator: Operator | undefined;
  rest: string;
}

function eachPart(template: string, replace: (part: Part) => string): string {
  let out = "";
  let at = 0;
  for (;;) {
    const dollar = template.indexOf("$", at);
    if (dollar < 0) return out + template.slice(at);
    out += template.slice(at, dollar);
    const next = template[dollar + 1];
    const plain = NAME.exec(template.slice(dollar + 1))?.[0];
    if (next === "$") {
      out += "$";
      at = dollar + 2;
    } else if (plain !== undefined) {
      out += replace({ name: plain, operator: undefined, rest: "" });
      at = dollar + 1 + plain.length;
    } else if (next === "{") {
      const end = closingBrace(template, dollar + 2);
      if (end < 0) throw new BadTemplate(template);
      out += replace(bracedPart(template.slice(dollar + 2, end), template));
      at = end + 1;
    } else {
      // A dollar before anything else stands for itself.
      out += "$";
      at = dollar + 1;
    }
  }
}

/** Where the brace that was opened before `from` is closed; braces inside of it come in pairs. */
function closingBrace(template: string, from: number): number {
  let depth = 1;
  for (let at = from; at < template.length; at++) {
    if (template.startsWith("${", at)) {
      depth++;
      at++;
    } else if (template[at] === "}" && --depth === 0) return at;
  }
  return -1;
}

function bracedPart(body: string, template: string): Part {
  const name = NAME.exec(body)?.[0];
  if (name === undefined) throw new BadTemplate(template);
  const after = body.slice(name.length);
  if (after === "") return { name, operator: undefined, rest: "" };
  const operator = OPERATORS.find((each) => after.startsWith(each));
  if (operator === undefined) throw new BadTemplate(template);
  return { name, operator, rest: after.slice(operator.length) };
}
