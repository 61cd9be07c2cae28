import { NaruError } from "../lib/errors.ts";

/** Splits a command line into words as a POSIX shell's quoting does, without expanding anything. Throws "invalid". */
export function shellWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const letter = line[at]!;
    if (quote === "'") {
      if (letter === "'") quote = "";
      else word += letter;
    } else if (letter === "\\" && at + 1 < line.length && (quote === "" || /["\\$`]/.test(line[at + 1]!))) {
      word = (word ?? "") + line[++at]!;
    } else if (quote === '"') {
      if (letter === '"') quote = "";
      else word += letter;
    } else if (letter === "'" || letter === '"') {
      quote = letter;
      word ??= "";
    } else if (/\s/.test(letter)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + letter;
  }
  if (quote !== "") throw new NaruError("invalid", "invalid command line string");
  if (word !== undefined) words.push(word);
  return words;
}
