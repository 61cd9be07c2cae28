/** Strings in YAML as Go's yaml.v2 writes them, which kubectl prints with. */

import { blockScalar, inDoubleQuotes, isPrintable } from "../../lib/yaml-scalars.ts";

/** From this column on a line is broken at its next space. */
const BEST_WIDTH = 80;

const PLAIN_WORDS = new Set(
  ["~ null Null NULL true True TRUE false False FALSE y Y yes Yes YES n N no No NO on On ON off Off OFF"]
    .concat(".nan .NaN .NAN .inf .Inf .INF +.inf +.Inf +.INF -.inf -.Inf -.INF")
    .flatMap((words) => words.split(" ")),
);
const INTEGER = /^[-+]?(?:0[xX][\da-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|\d+)$/;
const FLOAT = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/;
const BASE_60 = /^[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?$/;
const TIME = /^\d{4}-\d{1,2}-\d{1,2}(?:[Tt ]\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?(?:Z|[-+]\d\d:\d\d)?)?$/;

/** True for text that YAML would read as something else than a string. */
export function looksLikeElse(text: string): boolean {
  if (text === "" || PLAIN_WORDS.has(text)) return true;
  if (!/^[-+.\d]/.test(text)) return false;
  const digits = text.replaceAll("_", "");
  return INTEGER.test(digits) || FLOAT.test(digits) || BASE_60.test(text) || isTime(text);
}

function isTime(text: string): boolean {
  if (!TIME.test(text)) return false;
  const [, month, day] = text.split(/[-Tt ]/).map(Number);
  return month! >= 1 && month! <= 12 && day! >= 1 && day! <= 31;
}

interface Style {
  readonly plain: boolean;
  readonly single: boolean;
  readonly block: boolean;
}

/** Which styles can carry a text. */
function stylesFor(text: string): Style {
  const isSpecial = [...text].some((char) => !isPrintable(char));
  const spaceBeforeBreak = / \n/.test(text);
  const breakBeforeSpace = /\n /.test(text);
  const atEdges = /^[ \n]|[ \n]$/.test(text);
  const indicators =
    /^(?:---|\.\.\.)/.test(text) ||
    /^[#,[\]{}&*!|>'"%@`]/.test(text) ||
    /^[-?](?:\s|$)/.test(text) ||
    /:(?:\s|$)/.test(text) ||
    /\s#/.test(text);
  return {
    plain: !(isSpecial || spaceBeforeBreak || atEdges || indicators || text.includes("\n")),
    single: !(isSpecial || spaceBeforeBreak || breakBeforeSpace),
    block: !(isSpecial || spaceBeforeBreak || text.endsWith(" ")),
  };
}

/**
 * @param column where the text begins, in characters
 * @param indent of the lines that follow
 * @param isKey keys stay on one line
 */
export function yamlString(text: string, column: number, indent: number, isKey: boolean): string {
  const styles = stylesFor(text);
  if (text.includes("\n") && styles.block && !isKey) return blockScalar(text, indent);
  if (text.includes("\n") || looksLikeElse(text)) return doubleQuoted(text, column, indent, isKey);
  if (styles.plain) return isKey ? text : folded(text, column, indent);
  if (!styles.single) return doubleQuoted(text, column, indent, isKey);
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return isKey ? quoted : folded(quoted, column, indent);
}

/** Broken at single spaces where the line is too long. */
function folded(text: string, column: number, indent: number): string {
  let out = "";
  let at = column;
  const chars = [...text];
  chars.forEach((char, index) => {
    const isSingle = char === " " && chars[index - 1] !== " " && chars[index + 1] !== " ";
    if (isSingle && at > BEST_WIDTH && index > 1 && index < chars.length - 2) {
      out += `\n${" ".repeat(indent)}`;
      at = indent;
    } else {
      out += char;
      at++;
    }
  });
  return out;
}

function doubleQuoted(text: string, column: number, indent: number, isKey: boolean): string {
  let out = '"';
  let at = column + 1;
  let afterSpace = false;
  const chars = [...text];
  const pieces = inDoubleQuotes(text);
  chars.forEach((char, index) => {
    if (char === " " && !isKey && !afterSpace && at > BEST_WIDTH && index > 0 && index < chars.length - 1) {
      const more = chars[index + 1] === " " ? "\\" : "";
      out += `\n${" ".repeat(indent)}${more}`;
      at = indent + more.length;
      afterSpace = true;
      return;
    }
    const piece = pieces[index]!;
    out += piece;
    at += [...piece].length;
    afterSpace = char === " ";
  });
  return `${out}"`;
}
