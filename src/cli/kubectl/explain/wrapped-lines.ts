/**
 * Text broken into lines of at most `width` characters at its spaces; its own line breaks and the spaces within its lines stay.
 * A word that is longer has a line of its own.
 */
export function wrappedLines(text: string, width: number): string[] {
  return text.split("\n").flatMap((line) => wrappedLine(line, width));
}

function wrappedLine(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const [, space = "", word = ""] of text.matchAll(/(\s*)(\S*)/g)) {
    const isTooLong = line !== "" && [...line, ...space, ...word].length > width;
    if (isTooLong && word !== "") {
      lines.push(line);
      line = word;
    } else line += space + word;
  }
  return [...lines, line];
}

/** Lists and numbers begin a line of their own; all other lines run together. */
const OWN_LINE = /^(?:[-*]|\d+\.)/;

/** Text in lines of at most `width` bytes that run together, but for paragraphs, lists, what follows a colon, and lines that are set in by 4 spaces or more. */
export function joinedLines(text: string, width: number): string[] {
  const lines: string[] = [];
  let words: string[] = [];
  const flush = () => {
    lines.push(words.join(" "));
    words = [];
  };
  text.split("\n").forEach((line, at) => {
    const isSetIn = line.startsWith("    ") && line.trim() !== "";
    const begins = line.trim() === "" || isSetIn || OWN_LINE.test(line.trim()) || words.at(-1)?.endsWith(":") === true;
    if (begins && at > 0 && (words.length > 0 || line.trim() === "")) flush();
    if (isSetIn) {
      lines.push(line);
      return;
    }
    for (const word of line.split(/\s+/).filter((one) => one !== "")) {
      if (words.length > 0 && Buffer.byteLength([...words, word].join(" ")) > width) flush();
      words.push(word);
    }
  });
  if (words.length > 0 || lines.at(-1) !== "") flush();
  return lines;
}
