/** Ranges of bytes, of downloads (RFC 9110) and of upload chunks (distribution specification, "Pushing a blob in chunks"). */
import { RegistryError } from "../registry-error.ts";

/**
 * The one range that a Range header asks for; `end` is exclusive. Undefined: send everything (no range, several, another
 * unit, or malformed, which RFC 9110 14.2 lets a server ignore).
 * @throws RANGE_INVALID (416) for a range that lies outside
 */
export function parseDownloadRange(header: string | null, size: number): { start: number; end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return undefined;
  const [first, last] = [match[1]!, match[2]!];
  // "bytes=-500": the last 500.
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
  if (first !== "" && last !== "" && Number(last) < Number(first)) return undefined;
  if (start < size && start < end) return { start, end };
  throw new RegistryError("RANGE_INVALID", `the content has ${size} bytes; the range lies outside`, {
    headers: { "Content-Range": `bytes */${size}` },
  });
}

/**
 * The Content-Range of a chunk ("<start>-<end>", both inclusive; Docker's clients may write "bytes " before it).
 * @throws RANGE_INVALID (416)
 */
export function parseChunkRange(header: string | null): { start: number; length: number } | undefined {
  if (header === null) return undefined;
  const match = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d+|\*))?$/.exec(header.trim());
  const start = Number(match?.[1]);
  const end = Number(match?.[2]);
  if (match !== null && end >= start) return { start, length: end - start + 1 };
  throw new RegistryError("RANGE_INVALID", `the Content-Range ${JSON.stringify(header.slice(0, 80))} is not START-END`);
}
