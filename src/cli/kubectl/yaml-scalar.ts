/** Strings in YAML as Go's yaml.v2 writes them, which kubectl prints with. */

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

const isPrintable = (code: number): boolean =>
  code === 0x0a ||
  (code >= 0x20 && code <= 0x7e) ||
  code === 0x85 ||
  (code >= 0xa0 && code <= 0xd7ff) ||
  (code >= 0xe000 && code <= 0xfffd && code !== 0xfeff);

/** Which styles can carry a text. */
function stylesFor(text: string): Style {
  const isSpecial = [...text].some((char) => !isPrintable(char.codePointAt(0)!));
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
  if (text.includes("\n") && styles.block && !isKey) return blockText(text, indent);
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

function blockText(text: string, indent: number): string {
  const hint = /^[ \n]/.test(text) ? "2" : "";
  const chomp = !text.endsWith("\n") ? "-" : text === "\n" || text.endsWith("\n\n") ? "+" : "";
  const lines = text.replace(/\n$/, "").split("\n");
  const pad = " ".repeat(indent);
  return `|${hint}${chomp}\n${lines.map((line) => (line === "" ? "" : pad + line)).join("\n")}`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\x07": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  "\x1b": "\\e",
  '"': '\\"',
  "\\": "\\\\",
  "\u0085": "\\N",
  "\u2028": "\\L",
  "\u2029": "\\P",
};

function doubleQuoted(text: string, column: number, indent: number, isKey: boolean): string {
  let out = '"';
  let at = column + 1;
  let afterSpace = false;
  const chars = [...text];
  chars.forEach((char, index) => {
    if (char === " " && !isKey && !afterSpace && at > BEST_WIDTH && index > 0 && index < chars.length - 1) {
      const more = chars[index + 1] === " " ? "\\" : "";
      out += `\n${" ".repeat(indent)}${more}`;
      at = indent + more.length;
      afterSpace = true;
      return;
    }
    const piece = ESCAPES[char] ?? escaped(char);
    out += piece;
    at += [...piece].length;
    afterSpace = char === " ";
  });
  return `${out}"`;
}

function escaped(char: string): string {
  const code = char.codePointAt(0)!;
  if (isPrintable(code)) return char;
  const hex = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
