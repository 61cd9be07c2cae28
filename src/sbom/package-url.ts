/** Package URLs (the purl specification): pkg:type/namespace/name@version?qualifiers. */
import type { FoundPackage } from "./found-package.ts";

export function packageUrl({ type, namespace, name, version, qualifiers = {} }: FoundPackage): string {
  const space = (namespace ?? "").split("/").filter((part) => part !== "");
  const path = [...space, name].map(encode).join("/");
  const told = Object.entries(qualifiers).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const query = told.map(([key, value]) => `${key}=${encode(value)}`).sort();
  return `pkg:${type}/${path}${version === "" ? "" : `@${encode(version)}`}${query.length > 0 ? `?${query.join("&")}` : ""}`;
}

/** All but letters, digits and ".-_~:" are written as percent codes of their UTF-8 bytes. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%3A", ":");
}
