/** Times in query parameters: Unix seconds with an optional fraction ("1700000000.5"). */
import { NaruError } from "../lib/errors.ts";

/** Nanoseconds; undefined for "" and, as Docker takes it, "0" where no bound is meant. @throws internal, as Docker does */
export function parseUnixTime(text: string): bigint | undefined {
  if (text === "") return undefined;
  const match = /^([+-]?\d+)(?:\.(\d*))?$/.exec(text);
  if (match === null) {
    const whole = text.split(".", 1)[0] ?? text;
    throw new NaruError("internal", `strconv.ParseInt: parsing ${JSON.stringify(whole)}: invalid syntax`);
  }
  const [, seconds = "0", fraction = ""] = match;
  return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
}
