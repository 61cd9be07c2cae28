/** Functions of expressions: CEL's own, its string extensions, and Kubernetes' lists, regular expressions, quantities, addresses. */

import { isIP } from "node:net";
import { parseDuration } from "../../lib/go-duration.ts";
import {
  addQuantities,
  compareQuantities,
  parseQuantity,
  subtractQuantities,
} from "../../model/kubernetes/quantity.ts";
import { regularExpression } from "./regular-expression.ts";
import { ExpressionError } from "./tokens.ts";
import {
  compareValues,
  Duration,
  isNumber,
  Optional,
  QuantityValue,
  Timestamp,
  TypeName,
  typeName,
  type Value,
  valuesEqual,
} from "./values.ts";

type Call = (args: readonly Value[]) => Value;

const noOverload = () => new ExpressionError("no such overload");
const text = (value: Value | undefined): string => {
  if (typeof value !== "string") throw noOverload();
  return value;
};
const list = (value: Value | undefined): readonly Value[] => {
  if (!Array.isArray(value)) throw noOverload();
  return value;
};
const whole = (value: Value | undefined): number => {
  if (typeof value !== "bigint") throw noOverload();
  return Number(value);
};
const quantity = (value: Value | undefined) => {
  if (!(value instanceof QuantityValue)) throw noOverload();
  return value.quantity;
};

const LARGEST = 2n ** 63n - 1n;
function checked(number: bigint): bigint {
  if (number > LARGEST || number < -LARGEST - 1n) throw new ExpressionError("integer overflow");
  return number;
}

function arithmetic(whole: (a: bigint, b: bigint) => bigint, fraction: (a: number, b: number) => number): Call {
  return ([a, b]) => {
    if (typeof a === "bigint" && typeof b === "bigint") return checked(whole(a, b));
    if (typeof a === "number" && typeof b === "number") return fraction(a, b);
    throw noOverload();
  };
}

function nonZero(operation: (a: bigint, b: bigint) => bigint, why: string): (a: bigint, b: bigint) => bigint {
  return (a, b) => {
    if (b === 0n) throw new ExpressionError(why);
    return operation(a, b);
  };
}

const plus = arithmetic(
  (a, b) => a + b,
  (a, b) => a + b,
);
const minus = arithmetic(
  (a, b) => a - b,
  (a, b) => a - b,
);

const add: Call = ([a, b]) => {
  if (typeof a === "string" && typeof b === "string") return a + b;
  if (Array.isArray(a) && Array.isArray(b)) return [...a, ...b];
  if (a instanceof Uint8Array && b instanceof Uint8Array) return new Uint8Array([...a, ...b]);
  if (a instanceof Duration && b instanceof Duration) return new Duration(a.ms + b.ms);
  if (a instanceof Timestamp && b instanceof Duration) return new Timestamp(a.ms + b.ms);
  if (a instanceof Duration && b instanceof Timestamp) return new Timestamp(a.ms + b.ms);
  return plus([a as Value, b as Value]);
};
const subtract: Call = ([a, b]) => {
  if (a instanceof Timestamp && b instanceof Timestamp) return new Duration(a.ms - b.ms);
  if (a instanceof Timestamp && b instanceof Duration) return new Timestamp(a.ms - b.ms);
  if (a instanceof Duration && b instanceof Duration) return new Duration(a.ms - b.ms);
  return minus([a as Value, b as Value]);
};

function size(value: Value | undefined): bigint {
  if (typeof value === "string") return BigInt([...value].length);
  if (Array.isArray(value) || value instanceof Uint8Array) return BigInt(value.length);
  if (value instanceof Map) return BigInt(value.size);
  throw noOverload();
}

function expression(pattern: Value | undefined): RegExp {
  try {
    return regularExpression(text(pattern));
  } catch {
    throw new ExpressionError(`error parsing regexp: ${String(pattern)}`);
  }
}

function order(test: (sign: number) => boolean): Call {
  return ([a, b]) => test(compareValues(a as Value, b as Value));
}

function toInt(value: Value | undefined): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isFinite(value)) return checked(BigInt(Math.trunc(value)));
  if (typeof value === "string" && /^[+-]?\d+$/.test(value)) return checked(BigInt(value));
  if (value instanceof Timestamp) return BigInt(Math.floor(value.ms / 1000));
  throw new ExpressionError("type conversion error");
}

function toText(value: Value | undefined): string {
  if (typeof value === "string") return value;
  if (typeof value === "boolean" || typeof value === "bigint" || typeof value === "number") return String(value);
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  if (value instanceof Timestamp) return new Date(value.ms).toISOString().replace(".000Z", "Z");
  if (value instanceof Duration) return `${value.ms / 1000}s`;
  throw new ExpressionError("type conversion error");
}

function toTime(value: Value | undefined): Timestamp {
  if (value instanceof Timestamp) return value;
  const ms = Date.parse(text(value));
  if (Number.isNaN(ms)) throw new ExpressionError("type conversion error: not a timestamp");
  return new Timestamp(ms);
}

function toDuration(value: Value | undefined): Duration {
  if (value instanceof Duration) return value;
  try {
    return new Duration(Number(parseDuration(text(value))) / 1e6);
  } catch {
    throw new ExpressionError("type conversion error: not a duration");
  }
}

function extreme(sign: number): Call {
  return ([items]) => {
    const all = list(items);
    if (all.length === 0) throw new ExpressionError("called on an empty list");
    return all.reduce((best, one) => (compareValues(one, best) * sign > 0 ? one : best));
  };
}

function sum(items: readonly Value[]): Value {
  if (items.length === 0) return 0n;
  return items.slice(1).reduce((all, one) => add([all, one]), items[0] as Value);
}

/** Functions of the whole name, without a target. */
export const FUNCTIONS: Readonly<Record<string, Call>> = {
  "+": add,
  "-": subtract,
  "*": arithmetic(
    (a, b) => a * b,
    (a, b) => a * b,
  ),
  "/": arithmetic(
    nonZero((a, b) => a / b, "division by zero"),
    (a, b) => a / b,
  ),
  "%": arithmetic(
    nonZero((a, b) => a % b, "modulus by zero"),
    () => {
      throw noOverload();
    },
  ),
  "==": ([a, b]) => valuesEqual(a as Value, b as Value),
  "!=": ([a, b]) => !valuesEqual(a as Value, b as Value),
  "<": order((sign) => sign < 0),
  "<=": order((sign) => sign <= 0),
  ">": order((sign) => sign > 0),
  ">=": order((sign) => sign >= 0),
  in: ([item, all]) => {
    if (all instanceof Map) return all.has(item as Value);
    return list(all).some((one) => valuesEqual(one, item as Value));
  },
  "!": ([value]) => {
    if (typeof value !== "boolean") throw noOverload();
    return !value;
  },
  negate: ([value]) => {
    if (!isNumber(value as Value)) throw noOverload();
    return typeof value === "bigint" ? checked(-value) : -(value as number);
  },
  size: ([value]) => size(value),
  int: ([value]) => toInt(value),
  uint: ([value]) => toInt(value),
  double: ([value]) => {
    const number = isNumber(value as Value) || typeof value === "string" ? Number(value) : Number.NaN;
    if (Number.isNaN(number)) throw new ExpressionError("type conversion error");
    return number;
  },
  string: ([value]) => toText(value),
  bool: ([value]) => {
    if (typeof value === "boolean") return value;
    if (value === "true" || value === "false") return value === "true";
    throw new ExpressionError("type conversion error");
  },
  bytes: ([value]) => new TextEncoder().encode(text(value)),
  timestamp: ([value]) => toTime(value),
  duration: ([value]) => toDuration(value),
  dyn: ([value]) => value as Value,
  type: ([value]) => new TypeName(typeName(value as Value)),
  quantity: ([value]) => {
    const parsed = parseQuantity(text(value));
    if (parsed === undefined) throw new ExpressionError("not a quantity");
    return new QuantityValue(parsed);
  },
  isQuantity: ([value]) => parseQuantity(text(value)) !== undefined,
  isURL: ([value]) => URL.canParse(text(value)),
  isIP: ([value]) => isIP(text(value)) !== 0,
  isCIDR: ([value]) => {
    const [address = "", bits = ""] = text(value).split("/");
    const family = isIP(address);
    return family !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
  },
};

/** Functions on a value, called value.name(…): the value comes first. */
export const METHODS: Readonly<Record<string, Call>> = {
  size: ([value]) => size(value),
  contains: ([value, part]) => text(value).includes(text(part)),
  startsWith: ([value, part]) => text(value).startsWith(text(part)),
  endsWith: ([value, part]) => text(value).endsWith(text(part)),
  matches: ([value, pattern]) => expression(pattern).test(text(value)),
  find: ([value, pattern]) => expression(pattern).exec(text(value))?.[0] ?? "",
  findAll: ([value, pattern]) =>
    [...text(value).matchAll(new RegExp(expression(pattern), `g${expression(pattern).flags}`))].map(
      (match) => match[0],
    ),
  charAt: ([value, at]) => text(value).charAt(whole(at)),
  indexOf: ([value, part]) =>
    typeof value === "string"
      ? BigInt(value.indexOf(text(part)))
      : BigInt(list(value).findIndex((one) => valuesEqual(one, part as Value))),
  lastIndexOf: ([value, part]) =>
    typeof value === "string"
      ? BigInt(value.lastIndexOf(text(part)))
      : BigInt(list(value).findLastIndex((one) => valuesEqual(one, part as Value))),
  join: ([value, by]) =>
    list(value)
      .map(text)
      .join(by === undefined ? "" : text(by)),
  lowerAscii: ([value]) => text(value).replace(/[A-Z]/g, (letter) => letter.toLowerCase()),
  upperAscii: ([value]) => text(value).replace(/[a-z]/g, (letter) => letter.toUpperCase()),
  trim: ([value]) => text(value).trim(),
  split: ([value, by, most]) => {
    const parts = text(value).split(text(by));
    const limit = most === undefined ? -1 : whole(most);
    return limit < 0 || parts.length <= limit
      ? parts
      : limit === 0
        ? []
        : [...parts.slice(0, limit - 1), parts.slice(limit - 1).join(text(by))];
  },
  replace: ([value, from, to, most]) => {
    const count = most === undefined ? -1 : whole(most);
    const parts = text(value).split(text(from));
    const times = count < 0 ? parts.length - 1 : Math.min(count, parts.length - 1);
    return (
      parts.slice(0, times + 1).join(text(to)) +
      parts
        .slice(times + 1)
        .map((part) => text(from) + part)
        .join("")
    );
  },
  substring: ([value, from, to]) => {
    const end = to === undefined ? text(value).length : whole(to);
    if (whole(from) < 0 || end > text(value).length || whole(from) > end)
      throw new ExpressionError("index out of range");
    return text(value).slice(whole(from), end);
  },
  isSorted: ([items]) => list(items).every((one, at, all) => at === 0 || compareValues(all[at - 1] as Value, one) <= 0),
  sum: ([items]) => sum(list(items)),
  min: extreme(-1),
  max: extreme(1),
  isGreaterThan: ([a, b]) => compareQuantities(quantity(a), quantity(b)) > 0,
  isLessThan: ([a, b]) => compareQuantities(quantity(a), quantity(b)) < 0,
  compareTo: ([a, b]) => BigInt(compareQuantities(quantity(a), quantity(b))),
  add: ([a, b]) => new QuantityValue(addQuantities(quantity(a), quantity(b))),
  sub: ([a, b]) => new QuantityValue(subtractQuantities(quantity(a), quantity(b))),
  sign: ([a]) => BigInt(quantity(a).nano > 0n ? 1 : quantity(a).nano < 0n ? -1 : 0),
  isInteger: ([a]) => quantity(a).nano % 1_000_000_000n === 0n,
  asInteger: ([a]) => quantity(a).nano / 1_000_000_000n,
  asApproximateFloat: ([a]) => Number(quantity(a).nano) / 1e9,
  hasValue: ([value]) => {
    if (!(value instanceof Optional)) throw noOverload();
    return value.value !== undefined;
  },
  value: ([value]) => {
    if (!(value instanceof Optional)) throw noOverload();
    if (value.value === undefined) throw new ExpressionError("optional.none() dereference");
    return value.value;
  },
  orValue: ([value, other]) => {
    if (!(value instanceof Optional)) throw noOverload();
    return value.value ?? (other as Value);
  },
  getFullYear: ([value]) => BigInt(new Date(toTime(value).ms).getUTCFullYear()),
  getMonth: ([value]) => BigInt(new Date(toTime(value).ms).getUTCMonth()),
  getHours: ([value]) =>
    value instanceof Duration
      ? BigInt(Math.trunc(value.ms / 3_600_000))
      : BigInt(new Date(toTime(value).ms).getUTCHours()),
  getMinutes: ([value]) =>
    value instanceof Duration
      ? BigInt(Math.trunc(value.ms / 60_000))
      : BigInt(new Date(toTime(value).ms).getUTCMinutes()),
  getSeconds: ([value]) =>
    value instanceof Duration
      ? BigInt(Math.trunc(value.ms / 1000))
      : BigInt(new Date(toTime(value).ms).getUTCSeconds()),
};
