/** Sizes in powers of 1024: those that flags take, and those that docker's client prints. */
import { scaledSize } from "../lib/human-size.ts";

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
