import { exponentText, fixedText, significantText } from "../go-float.ts";
import { goQuoted } from "../go-quote.ts";
import { GoNil, GoObject, GoStruct, GoTime, type GoValue, isInteger, isMap, isNumber, sortedKeys } from "./values.ts";

/** A value as `%v` prints it; `plus` adds the names of struct fields (`%+v`). */
export function plainText(value: GoValue, plus = false): string {
  if (value === undefined || value === null) return "<nil>";
  if (typeof value === "string") return value;
  if (isNumber(value)) return numberText(value);
  if (Array.isArray(value)) return `[${value.map((item) => plainText(item, plus)).join(" ")}]`;
  if (value instanceof GoNil) return value.kind === "pointer" ? "<nil>" : value.kind === "map" ? "map[]" : "[]";
  if (value instanceof GoStruct) {
    const fields = Object.entries(value.fields);
    return `{${fields.map(([name, field]) => (plus ? `${name}:` : "") + plainText(field, plus)).join(" ")}}`;
  }
  if (value instanceof GoTime) return value.toString();
  if (value instanceof GoObject) return `{${Object.keys(value.methods).join(" ")}}`;
  if (isMap(value)) {
    return `map[${sortedKeys(value)
      .map((key) => `${key}:${plainText(value[key], plus)}`)
      .join(" ")}]`;
  }
  return String(value);
}

/** A number as `%v` prints it: integers in full, others in the shortest form, with an exponent from 1e21 on. */
function numberText(value: number | bigint): string {
  if (isInteger(value) && Math.abs(Number(value)) < 2 ** 64) return BigInt(value).toString();
  return floatText(Number(value), "g", undefined, 21);
}

/** The values as `print` joins them: with a space between two that are both no strings. */
export function printValues(values: readonly GoValue[]): string {
  return values
    .map((value, index) => {
      const needsSpace = index > 0 && typeof value !== "string" && typeof values[index - 1] !== "string";
      return (needsSpace ? " " : "") + plainText(value);
    })
    .join("");
}

/** The values as `println` joins them. */
export function printLine(values: readonly GoValue[]): string {
  return `${values.map((value) => plainText(value)).join(" ")}\n`;
}

interface Directive {
  plus: boolean;
  minus: boolean;
  sharp: boolean;
  space: boolean;
  zero: boolean;
  width: number | undefined;
  precision: number | undefined;
}

/** `printf` with Go's verbs. Wrong verbs and counts show up in the text as Go writes them (`%!d(string=x)`). */
export function formatText(format: string, values: readonly GoValue[]): string {
  let out = "";
  let next = 0;
  let reordered = false;
  const pattern = /%([-+# 0]*)(\[\d+\])?(\*|\d+)?(?:(\.)(\[\d+\])?(\*|\d+)?)?(\[\d+\])?(.)?/gsu;
  let last = 0;
  for (const match of format.matchAll(pattern)) {
    out += format.slice(last, match.index);
    last = match.index + match[0].length;
    const [, flags = "", firstIndex, width, dot, precisionIndex, precision, verbIndex, verb] = match;
    const jump = (index: string | undefined) => {
      if (index === undefined) return;
      next = Number(index.slice(1, -1)) - 1;
      reordered = true;
    };
    const number = (text: string | undefined) => (text === "*" ? Number(values[next++]) : text && Number(text));
    jump(firstIndex);
    const widthValue = number(width) as number | undefined;
    jump(precisionIndex);
    const precisionValue = dot ? Number(number(precision) ?? 0) : undefined;
    jump(verbIndex);
    const directive: Directive = {
      plus: flags.includes("+"),
      minus: flags.includes("-") || (widthValue ?? 0) < 0,
      sharp: flags.includes("#"),
      space: flags.includes(" "),
      zero: flags.includes("0") && !flags.includes("-"),
      width: widthValue === undefined ? undefined : Math.abs(widthValue),
      precision: precisionValue,
    };
    if (verb === undefined) out += "%!(NOVERB)";
    else if (verb === "%") out += "%";
    else if (next < 0 || (verbIndex && next >= values.length)) out += `%!${verb}(BADINDEX)`;
    else if (next >= values.length) out += `%!${verb}(MISSING)`;
    else out += formatValue(verb, values[next++], directive);
  }
  out += format.slice(last);
  if (!reordered && next < values.length) {
    const extra = values
      .slice(next)
      .map((value) => (value == null ? "<nil>" : `${verbTypeName(value)}=${plainText(value)}`));
    out += `%!(EXTRA ${extra.join(", ")})`;
  }
  return out;
}

function formatValue(verb: string, value: GoValue, directive: Directive): string {
  if (verb === "T") return pad(verbTypeName(value), directive);
  if (verb === "v") {
    if (isNumber(value) && !directive.sharp) return padNumber(plainText(value), value, directive);
    return pad(directive.sharp ? goSyntax(value) : plainText(value, directive.plus), directive);
  }
  if (Array.isArray(value) && verb !== "p") {
    return `[${value.map((item) => formatValue(verb, item, directive)).join(" ")}]`;
  }
  if (isMap(value)) {
    const entries = sortedKeys(value).map(
      (key) => `${formatValue(verb, key, directive)}:${formatValue(verb, value[key], directive)}`,
    );
    return `map[${entries.join(" ")}]`;
  }
  const text = isNumber(value)
    ? formatNumber(verb, value, directive)
    : typeof value === "boolean"
      ? verb === "t"
        ? pad(String(value), directive)
        : undefined
      : formatString(verb, value, directive);
  if (text !== undefined) return text;
  return value == null ? `%!${verb}(<nil>)` : `%!${verb}(${verbTypeName(value)}=${plainText(value)})`;
}

function formatString(verb: string, value: GoValue, directive: Directive): string | undefined {
  if (typeof value !== "string" && !(value instanceof GoTime) && !(value instanceof GoStruct)) return undefined;
  const full = plainText(value);
  const text = directive.precision === undefined ? full : [...full].slice(0, directive.precision).join("");
  if (verb === "s") return pad(text, directive);
  if (verb === "q") return pad(directive.sharp && !text.includes("`") ? `\`${text}\`` : goQuoted(text), directive);
  if (verb !== "x" && verb !== "X") return undefined;
  const hex = Buffer.from(text).toString("hex");
  const spaced = directive.space ? hex.replace(/..(?=.)/g, "$& ") : hex;
  return pad(verb === "X" ? spaced.toUpperCase() : spaced, directive);
}

const BASES: Record<string, [base: number, prefix: string]> = {
  b: [2, "0b"],
  o: [8, "0"],
  O: [8, ""],
  d: [10, ""],
  x: [16, "0x"],
  X: [16, "0X"],
};

function formatNumber(verb: string, value: number | bigint, directive: Directive): string | undefined {
  const base = BASES[verb];
  if (base && isInteger(value)) {
    const magnitude = BigInt(value) < 0n ? -BigInt(value) : BigInt(value);
    const digits = magnitude.toString(base[0]).padStart(directive.precision ?? 0, "0");
    const prefix = verb === "O" ? "0o" : directive.sharp ? base[1] : "";
    return padNumber(prefix + (verb === "X" ? digits.toUpperCase() : digits), value, directive, true);
  }
  if ("eEfFgG".includes(verb)) {
    const text = floatText(
      Math.abs(Number(value)),
      verb.toLowerCase(),
      directive.precision ?? (verb === "g" || verb === "G" ? undefined : 6),
    );
    return padNumber(verb === "E" || verb === "G" ? text.toUpperCase() : text, value, directive, true);
  }
  if (!isInteger(value)) return undefined;
  if (verb === "c") return pad(String.fromCodePoint(Number(value)), directive);
  if (verb === "q") return pad(`'${String.fromCodePoint(Number(value))}'`, directive);
  if (verb === "U") return pad(`U+${Number(value).toString(16).toUpperCase().padStart(4, "0")}`, directive);
  return undefined;
}

/** A float in the form e, f or g; without precision the shortest text that reads back the same. */
function floatText(value: number, form: string, precision: number | undefined, exponentFrom = 21): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value < 0 ? "-Inf" : "+Inf";
  if (form === "f") return precision === undefined ? String(value) : fixedText(value, precision);
  if (form === "e") return goExponent(precision === undefined ? value.toExponential() : exponentText(value, precision));
  if (precision !== undefined) return significantText(value, Math.max(precision, 1));
  const exponent = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  return exponent < -4 || exponent >= exponentFrom ? goExponent(value.toExponential()) : String(value);
}

/** JavaScript writes `1e+9`, Go `1e+09`. */
function goExponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}

function padNumber(text: string, value: number | bigint, directive: Directive, isUnsigned = false): string {
  const isNegative = Number(value) < 0;
  const digits = isUnsigned || !isNegative ? text : text.slice(1);
  const sign = isNegative ? "-" : directive.plus ? "+" : directive.space ? " " : "";
  const usesZeros = directive.zero && (directive.precision === undefined || !isInteger(value));
  if (usesZeros && directive.width !== undefined) return sign + digits.padStart(directive.width - sign.length, "0");
  return pad(sign + digits, { ...directive, zero: false });
}

function pad(text: string, directive: Directive): string {
  const missing = (directive.width ?? 0) - [...text].length;
  if (missing <= 0) return text;
  return directive.minus ? text + " ".repeat(missing) : (directive.zero ? "0" : " ").repeat(missing) + text;
}

function verbTypeName(value: GoValue): string {
  if (value == null) return "<nil>";
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  if (isNumber(value)) return isInteger(value) ? "int" : "float64";
  if (value instanceof GoStruct || value instanceof GoObject) return value.typeName;
  if (value instanceof GoTime) return "time.Time";
  return Array.isArray(value) ? "[]interface {}" : "map[string]interface {}";
}

function goSyntax(value: GoValue): string {
  if (typeof value === "string") return goQuoted(value);
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(", ")}}`;
  if (isMap(value)) {
    const entries = sortedKeys(value).map((key) => `${goQuoted(key)}:${goSyntax(value[key])}`);
    return `map[string]interface {}{${entries.join(", ")}}`;
  }
  if (value instanceof GoStruct) {
    const entries = Object.entries(value.fields).map(([name, field]) => `${name}:${goSyntax(field)}`);
    return `${value.typeName}{${entries.join(", ")}}`;
  }
  return plainText(value);
}
