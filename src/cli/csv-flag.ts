import { csvFields } from "./csv.ts";
import { custom, type FlagOptions } from "./flag-types.ts";
import type { Flag } from "./flags.ts";

/** A flag whose uses add the comma-separated texts of each: `--alias a,b --alias c`. Quotes protect commas. */
export function strings(usage: string, options: FlagOptions = {}): Flag<string[]> {
  return custom<string[]>(
    "strings",
    usage,
    () => [],
    (text, current) => [...current, ...(text === "" ? [] : csvFields(text))],
    options,
  );
}

/** A flag with pairs such as `host=tcp://x,ca=/y`; a later use of a key replaces the former. */
export function keyValues(usage: string): Flag<Record<string, string>> {
  return custom<Record<string, string>>(
    "stringToString",
    usage,
    () => ({}),
    (text, current) => {
      const pairs = csvFields(text).map((pair) => {
        const equals = pair.indexOf("=");
        if (equals < 0) throw new Error(`${pair} must be formatted as key=value`);
        return [pair.slice(0, equals), pair.slice(equals + 1)];
      });
      return { ...current, ...Object.fromEntries(pairs) };
    },
    { defaultText: "[]" },
  );
}
