/** Small pieces of text that the tables of docker's client share. */

/** The first 12 digits of an id, without its `sha256:`. */
export function shortId(id: string): string {
  const colon = id.indexOf(":");
  return (colon >= 0 ? id.slice(colon + 1) : id).slice(0, 12);
}

/** Characters that take one place each: nearly every text. */
const PLAIN = /^[ -~]*$/;

/** Cuts a text to `columns` on a terminal, the last of them an ellipsis. */
export function ellipsis(text: string, columns: number): string {
  if (columns <= 0) return "";
  if (PLAIN.test(text) && columns > 1) return text.length <= columns ? text : `${text.slice(0, columns - 1)}…`;
  const characters = [...text];
  if (columns === 1) return characters[0] ?? "";
  let kept = "";
  let width = 0;
  for (const character of characters) {
    width += characterWidth(character);
    if (width > columns) return `${kept}…`;
    if (width < columns) kept += character;
  }
  return text;
}

/** The columns of one character as docker counts: East Asian wide ones take two, all others one, also tabs and escapes. */
function characterWidth(character: string): number {
  return Math.max(1, Bun.stringWidth(character));
}

/** `a=1,b=2`, sorted. */
export function joinLabels(labels: Record<string, string> | null | undefined): string {
  return Object.entries(labels ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .sort(byCodePoint)
    .join(",");
}

/** Orders texts as Go does: by bytes, not by language. */
export function byCodePoint(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Orders names as people count: `web2` before `web10`. */
export function byNaturalOrder(a: string, b: string): number {
  const parts = (text: string) => text.match(/\d+|\D+/g) ?? [];
  const left = parts(a);
  const right = parts(b);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [x, y] = [left[i]!, right[i]!];
    if (/^\d/.test(x) && /^\d/.test(y)) {
      const difference = BigInt(x) - BigInt(y);
      if (difference !== 0n) return difference < 0n ? -1 : 1;
      if (x.length !== y.length) return x.length - y.length;
    } else if (x !== y) return byCodePoint(x, y);
  }
  return left.length - right.length;
}

/** The Unix seconds of 0001-01-01, Go's zero time. */
export const GO_ZERO_TIME = -62135596800;

/**
 * A moment as Go's `Time.String` prints it: `2026-11-21 08:16:38.5 +0000 UTC`. Pass RFC 3339 text to keep its
 * nanoseconds and zone, or Unix seconds to show it in the zone of this machine.
 */
export function goTime(moment: string | number): string {
  if (typeof moment === "number") return localTime(new Date(moment * 1000));
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|([+-]\d\d):(\d\d))$/.exec(moment);
  if (!match) return moment;
  const fraction = (match[3] ?? "").replace(/0+$/, "");
  const zone = match[4] === "Z" ? "+0000 UTC" : `${match[5]}${match[6]} ${match[5]}${match[6]}`;
  return `${match[1]} ${match[2]}${fraction === "" ? "" : `.${fraction}`} ${zone}`;
}

function localTime(date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${clock} ${zoneOffset(date)} ${zoneName(date)}`;
}

function zoneOffset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  const digits = `${Math.floor(size / 60)}`.padStart(2, "0") + `${size % 60}`.padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${digits}`;
}

/** The zone's short name where it has one (`CET`), else its offset, as the tz database says. */
function zoneName(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const name = /\(([^)]*)\)/.exec(date.toString())?.[1] ?? "";
  if (/^[A-Z]{2,5}$/.test(name)) return name;
  const part = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" })
    .formatToParts(date)
    .find((each) => each.type === "timeZoneName")?.value;
  return part && /^[A-Z]{2,5}$/.test(part) ? part : zoneOffset(date).replace(/00$/, "");
}

/** A moment as Go's RFC 3339 layout prints it in the zone of this machine: `2026-11-21T08:16:38Z`. */
export function rfc3339(unixSeconds: number): string {
  const date = new Date(unixSeconds * 1000);
  const [day, clock, offset] = localTime(date).split(" ");
  const zone = offset === "+0000" ? "Z" : `${offset!.slice(0, 3)}:${offset!.slice(3)}`;
  return `${day}T${clock}${zone}`;
}

/** A moment as RFC 3339 with nanoseconds in the zone of this machine, as `docker events` prints it. */
export function rfc3339Nano(unixNanoseconds: bigint): string {
  const text = rfc3339(Number(unixNanoseconds / 1_000_000_000n));
  const fraction = String(unixNanoseconds % 1_000_000_000n).padStart(9, "0");
  return `${text.slice(0, 19)}.${fraction}${text.slice(19)}`;
}
