/** Times in query parameters: Unix seconds with an optional fraction ("1700000000.5"). */
import { NaruError } from "../lib/errors.ts";

/** Nanoseconds; undefined for "" and, as Docker takes it, "0" where no bound is meant. @throws internal, as Docker does */
export function parseUnixTime(text: string): bigint | undefined {
  if (text === "") return undefined;
  const point = text.indexOf(".");
  const seconds = checkedDigits(point < 0 ? text : text.slice(0, point));
  const fraction = point < 0 ? "" : checkedDigits(text.slice(point + 1));
  return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
}

/** The text itself. @throws internal in the words of Docker's parser */
function checkedDigits(text: string): string {
  const isNumber = /^[+-]?\d+$/.test(text);
  if (isNumber && BigInt.asIntN(64, BigInt(text)) === BigInt(text)) return text;
  const reason = isNumber ? "value out of range" : "invalid syntax";
  throw new NaruError("internal", `strconv.ParseInt: parsing ${JSON.stringify(text)}: ${reason}`);
}
