/** Amounts as the API writes them: "500m", "128Mi", "1e3". */

import { CliError } from "../cli-error.ts";

export interface Quantity {
  readonly value: number;
  /** Written in powers of 1024. */
  readonly isBinary: boolean;
}

const POWERS: Readonly<Record<string, number>> = { n: -3, u: -2, m: -1, "": 0, k: 1, M: 2, G: 3, T: 4, P: 5, E: 6 };
/** Of powers of 1024, the smallest first. */
export const BINARY_SUFFIXES: readonly string[] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/** What is no amount counts as none. */
export function parseQuantity(text = "0"): Quantity {
  const [, number = "0", suffix = ""] = /^([-+]?[\d.]+(?:[eE][-+]?\d+)?)([a-zA-Z]*)$/.exec(text) ?? [];
  const binary = BINARY_SUFFIXES.indexOf(suffix);
  const factor = binary >= 0 ? 1024 ** (binary + 1) : 1000 ** (POWERS[suffix] ?? 0);
  return { value: Number(number) * factor, isBinary: binary >= 0 };
}

/** How many whole units an amount takes, rounded up: 500m of cores in units of one are 1. */
export function wholeUnits({ value }: Quantity, unit: number): number {
  // Twelve digits are more than amounts have, and fewer than the noise of their division.
  return Math.ceil(Number((value / unit).toPrecision(12)));
}

/** Amounts by what they are of. */
export type QuantityPairs = Readonly<Record<string, string>>;
const QUANTITY = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[numkKMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?$/;

/** "cpu=100m,memory=256Mi" of a flag. @throws CliError for what are no amounts */
export function quantityPairs(text: string): QuantityPairs {
  if (text === "") return {};
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const [name = "", value, ...more] = pair.split("=");
      if (value === undefined || more.length > 0)
        throw new CliError(`error: Invalid argument syntax ${pair}, expected <resource>=<value>`);
      if (!QUANTITY.test(value)) {
        throw new CliError(
          "error: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        );
      }
      return [name, value];
    }),
  );
}
