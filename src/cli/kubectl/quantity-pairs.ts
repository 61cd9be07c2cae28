/** Amounts by what they are of, as flags have them: "cpu=100m,memory=256Mi". */

import { parseQuantity } from "../../model/kubernetes/quantity.ts";
import { CliError } from "../cli-error.ts";

export type QuantityPairs = Readonly<Record<string, string>>;

/** "cpu=100m,memory=256Mi" of a flag. @throws CliError for what are no amounts */
export function quantityPairs(text: string): QuantityPairs {
  if (text === "") return {};
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const [name = "", value, ...more] = pair.split("=");
      if (value === undefined || more.length > 0)
        throw new CliError(`error: Invalid argument syntax ${pair}, expected <resource>=<value>`);
      if (parseQuantity(value) === undefined) {
        throw new CliError(
          "error: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        );
      }
      return [name, value];
    }),
  );
}
