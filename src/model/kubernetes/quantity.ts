/** Kubernetes' quantities ("100m", "1.5Gi", "2e3"): exact to a billionth, as the API conventions describe them. */

const SHAPE = /^([+-]?)(\d+\.?\d*|\.\d+)(|[numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)$/;
const NANO = 1_000_000_000n;
const DECIMAL = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"] as const;
const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] as const;

export interface Quantity {
  /** In billionths, rounded up. */
  readonly nano: bigint;
  readonly format: "decimal" | "binary" | "exponent";
}

const parsed = new Map<string, Quantity>();

/** What a quantity is worth; undefined when it is none. */
export function parseQuantity(value: string | number): Quantity | undefined {
  const text = String(value);
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const match = SHAPE.exec(text);
  if (match === null) return undefined;
  const [, sign, digits = "", suffix = ""] = match;
  const [whole = "", fraction = ""] = digits.split(".");
  const mantissa = BigInt(`${whole}${fraction}` || "0");
  let numerator = mantissa * NANO;
  let denominator = 10n ** BigInt(fraction.length);
  let format: Quantity["format"] = "decimal";
  if (/^[eE]./.test(suffix)) {
    const exponent = Number(suffix.slice(1));
    if (Math.abs(exponent) > 40) return undefined;
    if (exponent >= 0) numerator *= 10n ** BigInt(exponent);
    else denominator *= 10n ** BigInt(-exponent);
    format = "exponent";
  } else if (suffix.endsWith("i")) {
    numerator *= 1024n ** BigInt(BINARY.indexOf(suffix as (typeof BINARY)[number]));
    format = "binary";
  } else {
    const power = (DECIMAL as readonly string[]).indexOf(suffix) - 3;
    if (power >= 0) numerator *= 1000n ** BigInt(power);
    else denominator *= 1000n ** BigInt(-power);
  }
  const rounded = (numerator + denominator - 1n) / denominator;
  const quantity: Quantity = { nano: sign === "-" ? -rounded : rounded, format };
  // A cluster uses few different quantities; a client that sends many must not fill the memory.
  if (parsed.size > 2000) parsed.clear();
  parsed.set(text, quantity);
  return quantity;
}

/** The one way to write a value: whole digits and the largest suffix that keeps it exact ("0.5" → "500m", "1024Mi" → "1Gi"). */
export function formatQuantity(quantity: Quantity): string {
  const { nano } = quantity;
  if (nano === 0n) return "0";
  const size = nano < 0n ? -nano : nano;
  if (quantity.format === "binary" && size >= 1024n * NANO && nano % NANO === 0n) {
    let amount = nano / NANO;
    let power = 0;
    while (amount % 1024n === 0n && power < BINARY.length - 1) {
      amount /= 1024n;
      power += 1;
    }
    return `${amount}${BINARY[power]}`;
  }
  let amount = nano;
  let power = 0;
  while (amount % 1000n === 0n && power < DECIMAL.length - 1) {
    amount /= 1000n;
    power += 1;
  }
  if (quantity.format !== "exponent") return `${amount}${DECIMAL[power]}`;
  return power === 3 ? String(amount) : `${amount}e${(power - 3) * 3}`;
}

/** A quantity in its canonical form; the text itself when it is none. */
export function canonicalQuantity(value: string | number): string {
  const quantity = parseQuantity(value);
  return quantity === undefined ? String(value) : formatQuantity(quantity);
}

/** Nothing, in no form of its own: what sums begin with. */
export const NO_QUANTITY: Quantity = { nano: 0n, format: "decimal" };

/** In whole units (bytes), rounded up; 0 when there is no quantity. Exact up to 2^53. */
export function wholeValue(value: string | number | undefined): number {
  return roundedUp(value, NANO);
}

/** In thousandths (cpu), rounded up: "100m" is 100; 0 when there is no quantity. */
export function milliValue(value: string | number | undefined): number {
  return roundedUp(value, 1_000_000n);
}

function roundedUp(value: string | number | undefined, unit: bigint): number {
  const nano = value === undefined ? 0n : (parseQuantity(value)?.nano ?? 0n);
  return Number(nano / unit) + (nano % unit > 0n ? 1 : 0);
}

/** How many of the divisor an amount takes, rounded up, as containers are told it: "500m" by "1m" is "500". No divisor, or none that can be read: 1. */
export function dividedQuantity(amount: string, divisor: string | undefined): string {
  const { nano } = parseQuantity(amount) ?? NO_QUANTITY;
  const unit = (divisor === undefined ? undefined : parseQuantity(divisor)?.nano) || NANO;
  return String((nano + unit - 1n) / unit);
}

/** Below zero when a < b, zero when they are worth the same. */
export function compareQuantities(a: Quantity, b: Quantity): -1 | 0 | 1 {
  return a.nano < b.nano ? -1 : a.nano > b.nano ? 1 : 0;
}

/** In the form of the first, or of the second when the first is nothing. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nano: a.nano + b.nano, format: a.nano === 0n ? b.format : a.format };
}

export function subtractQuantities(a: Quantity, b: Quantity): Quantity {
  return { nano: a.nano - b.nano, format: a.nano === 0n ? b.format : a.format };
}
