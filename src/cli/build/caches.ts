import { resolve } from "node:path";
import type { WishCache } from "../../model/build-exchange.ts";
import { CliError } from "../cli-error.ts";
import { csvSettings } from "./csv-settings.ts";

export interface Caches {
  wishes: WishCache[];
  /** Directories by number; absent for caches elsewhere. */
  directories: (string | undefined)[];
}

/** What `--cache-from` or `--cache-to` name. Throws CliError. */
export function readCaches(flag: "cache-from" | "cache-to", texts: readonly string[]): Caches {
  const caches: Caches = { wishes: [], directories: [] };
  for (const text of texts) {
    const settings = text.includes("=") ? csvSettings(flag, text) : { type: "registry", ref: text };
    const { wish, directory } = readCache(flag, settings);
    caches.wishes.push(wish);
    caches.directories.push(directory);
  }
  return caches;
}

function readCache(flag: string, settings: Record<string, string>): { wish: WishCache; directory?: string } {
  const { type = "", ref = "", ...attributes } = settings;
  const isExport = flag === "cache-to";
  const place = isExport ? "dest" : "src";
  switch (type) {
    case "inline":
      if (isExport) return { wish: { type } };
      throw new CliError("an inline cache is imported from its image: use --cache-from IMAGE");
    case "registry":
      if (ref === "") throw new CliError(`--${flag} type=registry requires ref`);
      checkAttributes(flag, attributes);
      return { wish: { type, ref, attributes } };
    case "local": {
      const { [place]: path = "", ...rest } = attributes;
      if (path === "") throw new CliError(`--${flag} type=local requires ${place}`);
      checkAttributes(flag, rest);
      return { wish: { type, attributes: rest }, directory: resolve(path) };
    }
    case "":
      throw new CliError(`--${flag} requires type: registry, local${isExport ? " or inline" : ""}`);
    default:
      throw new CliError(`--${flag} type=${type} is not supported: use registry, local${isExport ? " or inline" : ""}`);
  }
}

function checkAttributes(flag: string, { mode = "min", compression = "gzip" }: Record<string, string>): void {
  if (mode !== "min" && mode !== "max") throw new CliError(`invalid mode ${mode} of --${flag}: use min or max`);
  if (!["gzip", "zstd", "uncompressed"].includes(compression))
    throw new CliError(`compression ${compression} of --${flag} is not supported: use gzip, zstd or uncompressed`);
}
