/** Sizes in log options, as Go's units library reads them: buffers count by 1024, files by 1000. */

const PREFIXES = "kmgtp";

/** Bytes of "10m", "1.5GiB", "512", with 1024 to the next prefix; undefined for another text. */
export function parseBinaryBytes(text: string): number | undefined {
  return parseBytes(text, 1024);
}

/** The same with 1000 to the next prefix. */
export function parseDecimalBytes(text: string): number | undefined {
  return parseBytes(text, 1000);
}

function parseBytes(text: string, base: number): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?$/i.exec(text);
  if (match === null) return undefined;
  const power = match[2] === "" ? 0 : PREFIXES.indexOf(match[2]!.toLowerCase()) + 1;
  return Math.trunc(Number(match[1]) * base ** power);
}
