/** Numbers with a fixed count of digits. Ties go to the even digit, as in C and Go; JavaScript rounds them up. */

const MOST_DIGITS = 100;

/** `%.{digits}f`. */
export function fixedText(value: number, digits: number): string {
  const wanted = Math.min(digits, MOST_DIGITS);
  return halfEven(value.toFixed(Math.min(wanted + 40, MOST_DIGITS)), value.toFixed(wanted), wanted);
}

/** `%.{digits}e` with JavaScript's exponent (`e+3`). */
export function exponentText(value: number, digits: number): string {
  const wanted = Math.min(digits, MOST_DIGITS);
  const [long, power] = value.toExponential(Math.min(wanted + 40, MOST_DIGITS)).split("e") as [string, string];
  const [rounded, roundedPower] = value.toExponential(wanted).split("e") as [string, string];
  const mantissa = roundedPower === power ? halfEven(long, rounded, wanted) : rounded;
  return `${mantissa}e${roundedPower}`;
}

/** `%.{digits}g`: significant digits, without trailing zeros, with an exponent below 1e-4 and from 10^digits on. */
export function significantText(value: number, digits: number): string {
  if (value === 0) return "0";
  const text = exponentText(value, digits - 1);
  const [mantissa, power] = text.split("e") as [string, string];
  const exponent = Number(power);
  if (exponent < -4 || exponent >= digits) {
    return `${withoutZeros(mantissa)}e${power[0]}${power.slice(1).padStart(2, "0")}`;
  }
  return withoutZeros(Number(text).toFixed(Math.max(digits - 1 - exponent, 0)));
}

function withoutZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** `rounded`, or `long` cut to `digits` decimals where it lies exactly half way and its last kept digit is even. */
function halfEven(long: string, rounded: string, digits: number): string {
  const point = long.indexOf(".");
  if (point < 0) return rounded;
  const end = point + 1 + digits;
  if (!/^50*$/.test(long.slice(end))) return rounded;
  const cut = digits === 0 ? long.slice(0, point) : long.slice(0, end);
  return Number(cut.at(-1)) % 2 === 0 ? cut : rounded;
}
