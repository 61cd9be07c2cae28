const UNITS = ["b", "k", "m", "g", "t", "p"];

/** The bytes of a text such as `64M`, `1.5gb`, `512 KiB`; -1 stays -1. Throws an Error with go-units' words. */
export function byteSize(text: string): number {
  const match = /^(-?[\d.]+) ?(.*)$/.exec(text);
  if (!match || Number.isNaN(Number(match[1]))) throw new Error(`invalid size: '${text}'`);
  const suffix = match[2]!.toLowerCase();
  const unit = suffix === "" ? 0 : UNITS.indexOf(suffix[0]!);
  if (unit < 0 || !/^(?:b?|[kmgtp](?:i?b)?)$/.test(suffix)) throw new Error(`invalid suffix: '${match[2]}'`);
  return Math.trunc(Number(match[1]) * 1024 ** unit);
}
