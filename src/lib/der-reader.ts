/** Reads ASN.1 in DER (ITU-T X.690), as much of it as a certificate request needs. Input is hostile: every length is checked. */

import { NaruError } from "./errors.ts";

export interface DerElement {
  /** The identifier octet: 0x30 for a sequence. */
  readonly tag: number;
  /** Between the length and the end. */
  readonly content: Uint8Array;
  /** With identifier and length. */
  readonly whole: Uint8Array;
}

export const DER = { integer: 2, bits: 3, octets: 4, objectId: 6, sequence: 0x30, set: 0x31 } as const;

/** The elements that stand one after the other in `bytes`. @throws {NaruError} invalid */
export function derElements(bytes: Uint8Array): DerElement[] {
  const elements: DerElement[] = [];
  for (let rest = bytes; rest.length > 0; ) {
    const element = firstElement(rest);
    elements.push(element);
    rest = rest.subarray(element.whole.length);
  }
  return elements;
}

/** The parts of an element that must have that tag. @throws {NaruError} invalid */
export function derParts(element: DerElement | undefined, tag: number): DerElement[] {
  if (element?.tag !== tag) throw malformed(`an element of type ${tag} is missing`);
  return derElements(element.content);
}

/** "2.5.4.3" @throws {NaruError} invalid */
export function derObjectId(element: DerElement | undefined): string {
  if (element?.tag !== DER.objectId || element.content.length === 0) throw malformed("an object identifier is missing");
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of element.content) {
    arc = arc * 128 + (byte & 0x7f);
    if (!Number.isSafeInteger(arc)) throw malformed("an object identifier is too long");
    if (byte & 0x80) continue;
    arcs.push(arc);
    arc = 0;
  }
  const [first = 0, ...rest] = arcs;
  const top = Math.min(2, Math.floor(first / 40));
  return [top, first - top * 40, ...rest].join(".");
}

function firstElement(bytes: Uint8Array): DerElement {
  const [tag, short] = bytes;
  if (tag === undefined || short === undefined) throw malformed("it ends within an element");
  if ((tag & 0x1f) === 0x1f) throw malformed("it has a tag of several bytes");
  let length = short;
  let start = 2;
  if (short >= 0x80) {
    start += short & 0x7f;
    if (short === 0x80 || start > 6 || start > bytes.length) throw malformed("a length is not in DER");
    length = bytes.subarray(2, start).reduce((sum, byte) => sum * 256 + byte, 0);
  }
  const end = start + length;
  if (end > bytes.length) throw malformed("it ends within an element");
  return { tag, content: bytes.subarray(start, end), whole: bytes.subarray(0, end) };
}

function malformed(why: string): NaruError {
  return new NaruError("invalid", `asn1: malformed data: ${why}`);
}
