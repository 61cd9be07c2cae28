import { scaledSize } from "../lib/human-size.ts";

export { humanSize } from "../lib/human-size.ts";

/** Sizes and times in the words of docker's client. */

const BINARY_POWERS = "kmgtp";
const BINARY_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

/** The bytes of a text such as `64m`, `1.5GiB` or `512`; units are powers of 1024. Throws an Error on other text. */
export function parseByteSize(text: string): number {
  const match = /^(.*[0-9. ])?([^0-9. ]*)$/s.exec(text);
  if (match?.[1] === undefined) throw new Error(`invalid size: '${text}'`);
  const number = match[1].endsWith(" ") ? match[1].slice(0, -1) : match[1];
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(number)) {
    throw new Error(`strconv.ParseFloat: parsing ${JSON.stringify(number)}: invalid syntax`);
  }
  const size = Number(number);
  if (size < 0) throw new Error(`invalid size: '${text}'`);
  const suffix = match[2]!.toLowerCase();
  if (suffix === "" || suffix === "b") return Math.trunc(size);
  const power = BINARY_POWERS.indexOf(suffix[0]!) + 1;
  if (power === 0 || !["", "b", "ib"].includes(suffix.slice(1))) throw new Error(`invalid suffix: '${suffix}'`);
  return Math.trunc(size * 1024 ** power);
}

/** A size in powers of 1024 with four significant digits: `1.5GiB`. */
export function binarySize(bytes: number): string {
  return scaledSize(bytes, 1024, BINARY_UNITS, 4);
}

/** A span of time in words: `About a minute`, `3 hours`. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.trunc(milliseconds / 3_600_000 + 0.5);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(milliseconds / 3_600_000 / 24 / 365)} years`;
}
