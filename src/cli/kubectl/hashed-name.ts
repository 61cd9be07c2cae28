import { createHash } from "node:crypto";
import { shortJsonText } from "./json-text.ts";

/** Signs that could make a word are written as others (apimachinery's encoding of such hashes). */
const REPLACED: Readonly<Record<string, string>> = { "0": "g", "1": "h", "3": "k", a: "m", e: "t" };
const DIGITS = 10;

/** The name with a hash of kind, name and content behind it. */
export function hashedName(name: string, { kind, data = {}, binaryData, type = "" }: HashedContent): string {
  const content = kind === "Secret" ? { data, kind, name, type } : { binaryData, data, kind, name };
  // With signs of HTML as escapes: the text is that of Go's encoder.
  const hash = createHash("sha256").update(shortJsonText(content)).digest("hex").slice(0, DIGITS);
  return `${name}-${[...hash].map((sign) => REPLACED[sign] ?? sign).join("")}`;
}

interface HashedContent {
  readonly kind: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
  readonly type?: string;
}
