import { resolve } from "node:path";
import { cut } from "../csv.ts";

/** The values of `--volume`, split into binds (which name a source) and anonymous volumes. */
interface VolumeFlags {
  binds: string[] | null;
  volumes: Record<string, Record<string, never>>;
}

/** Reads the values of `--volume`. The daemon checks them in detail; here sources are told from targets. */
export function parseVolumes(specs: readonly string[]): VolumeFlags {
  const binds: string[] = [];
  const volumes: Record<string, Record<string, never>> = {};
  for (const spec of new Set(specs)) {
    const source = volumeSource(spec);
    if (source === "") volumes[spec] = {};
    else binds.push(source.startsWith(".") ? absoluteBind(spec) : spec);
  }
  return { binds: binds.length > 0 ? binds : null, volumes };
}

function absoluteBind(spec: string): string {
  const [host, rest] = cut(spec, ":");
  return `${resolve(host)}:${rest}`;
}

/**
 * The part before the target, empty for an anonymous volume. As docker does, one letter before a colon counts as a
 * Windows drive and not as a name.
 */
function volumeSource(spec: string): string {
  if (spec === "") throw new Error("invalid empty volume spec");
  if (spec.length <= 2) return "";
  const parts: string[] = [];
  let part = "";
  for (const char of spec) {
    if (char !== ":" || /^\p{L}$/u.test(part)) part += char;
    else {
      parts.push(part);
      part = "";
    }
  }
  parts.push(part);
  if (parts.includes("")) throw new Error(`invalid spec: ${spec}: empty section between colons`);
  if (parts.length > 3) throw new Error(`invalid spec: ${spec}: too many colons`);
  return parts.length === 1 ? "" : parts[0]!;
}
