import { CliError } from "./cli-error.ts";

/** The words of a command line as a shell splits them: quotes and backslashes protect spaces. Throws CliError. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (quote !== "") {
      if (char === quote) quote = "";
      else if (char === "\\" && quote === '"' && '"\\$`'.includes(text[i + 1] ?? "")) word += text[++i]!;
      else word += char;
    } else if (char === "'" || char === '"') {
      quote = char;
      word ??= "";
    } else if (char === "\\" && i + 1 < text.length) word = (word ?? "") + text[++i]!;
    else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + char;
  }
  if (quote !== "") throw new CliError(`${text}: the quote ${quote} is not closed`);
  return word === undefined ? words : [...words, word];
}
