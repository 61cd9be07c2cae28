/** Sizes as Docker prints them. */
import { significantText } from "./go-float.ts";

const DECIMAL_UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];

/** A size in powers of 1000 with `digits` significant digits: `1.234MB`. */
export function humanSize(bytes: number, digits = 4): string {
  return scaledSize(bytes, 1000, DECIMAL_UNITS, digits);
}

/** `bytes` in the largest of the units (each `base` times the one before) that gives 1 or more. */
export function scaledSize(bytes: number, base: number, units: readonly string[], digits: number): string {
  let size = bytes;
  let power = 0;
  while (size >= base && power < units.length - 1) {
    size /= base;
    power++;
  }
  return `${significantText(size, digits)}${units[power]}`;
}
