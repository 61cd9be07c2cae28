/**
 * Bodies in Kubernetes' protobuf form (application/vnd.kubernetes.protobuf), which Go clients send for builtin kinds and for which
 * they have no other form to fall back to: the four bytes "k8s\0", then a message with apiVersion, kind and the object's bytes.
 */
import { StatusError } from "../../status.ts";
import { type Message, type MessageField, messageOf, messageOfKind } from "./messages.ts";
import { WireReader } from "./wire-reader.ts";

const MAGIC = Buffer.from("k8s\0");
const MAX_DEPTH = 64;
type Json = Record<string, unknown>;

/**
 * The object as JSON has it.
 * @throws StatusError BadRequest for bytes that are no such message, UnsupportedMediaType for a kind without this form
 */
export function decodeProtobuf(body: Buffer): Json {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) throw malformed("the body does not begin with k8s\\0");
  const { apiVersion, kind, raw } = readEnvelope(body.subarray(MAGIC.length));
  const message = messageOfKind(apiVersion, kind);
  if (message === undefined) {
    throw new StatusError("UnsupportedMediaType", `naru reads no protobuf of ${apiVersion}, Kind=${kind}: send JSON`);
  }
  return { kind, apiVersion, ...readMessage(raw, message, 0) };
}

/** runtime.Unknown: typeMeta (apiVersion, kind) 1, raw 2. */
function readEnvelope(bytes: Uint8Array): { apiVersion: string; kind: string; raw: Uint8Array } {
  const found = { apiVersion: "", kind: "", raw: bytes.subarray(0, 0) };
  for (const { number, wire, reader } of fields(bytes)) {
    if (number === 2) found.raw = reader.bytes();
    else if (number === 1) {
      for (const meta of fields(reader.bytes())) {
        if (meta.number === 1) found.apiVersion = meta.reader.string();
        else if (meta.number === 2) found.kind = meta.reader.string();
        else meta.reader.skip(meta.wire);
      }
    } else reader.skip(wire);
  }
  return found;
}

function* fields(bytes: Uint8Array): Generator<{ number: number; wire: number; reader: WireReader }> {
  const reader = new WireReader(bytes);
  while (!reader.isAtEnd) {
    const key = reader.varint();
    yield { number: Math.floor(key / 8), wire: key % 8, reader };
  }
}

function readMessage(bytes: Uint8Array, message: Message, depth: number): Json {
  if (depth > MAX_DEPTH) throw malformed("messages lie too deep in each other");
  const object: Json = {};
  for (const { number, wire, reader } of fields(bytes)) {
    const field = message.get(number);
    if (field === undefined) reader.skip(wire);
    else readField(object, field, reader, wire, depth);
  }
  return object;
}

function readField(object: Json, field: MessageField, reader: WireReader, wire: number, depth: number): void {
  const { name, type, keepsZero } = field;
  if (name === undefined) {
    Object.assign(object, readMessage(reader.bytes(), messageOf(type.slice(1))!, depth + 1));
  } else if (type.startsWith("[")) {
    const list = (object[name] ?? []) as unknown[];
    list.push(...readItems(type.slice(1), reader, wire, depth));
    object[name] = list;
  } else if (type.startsWith("{")) {
    const entry = readEntry(reader.bytes(), type.slice(1), depth);
    object[name] = { ...(object[name] as Json | undefined), [entry.key]: entry.value };
  } else {
    const value = readValue(type, reader, wire, depth);
    if (value !== undefined && (keepsZero || !isZero(value))) object[name] = value;
  }
}

function isZero(value: unknown): boolean {
  return value === "" || value === 0 || value === false;
}

/** Numbers may come packed: several in one field. */
function readItems(type: string, reader: WireReader, wire: number, depth: number): unknown[] {
  if (wire !== 2 || (type !== "i" && type !== "b")) return [readValue(type, reader, wire, depth)];
  const packed = new WireReader(reader.bytes());
  const items: unknown[] = [];
  while (!packed.isAtEnd) items.push(readValue(type, packed, 0, depth));
  return items;
}

/** A map's entry: key 1, value 2. */
function readEntry(bytes: Uint8Array, type: string, depth: number): { key: string; value: unknown } {
  const entry: { key: string; value: unknown } = { key: "", value: type === "s" ? "" : undefined };
  for (const { number, wire, reader } of fields(bytes)) {
    if (number === 1) entry.key = reader.string();
    else if (number === 2) entry.value = readValue(type, reader, wire, depth);
    else reader.skip(wire);
  }
  return entry;
}

function readValue(type: string, reader: WireReader, wire: number, depth: number): unknown {
  switch (type) {
    case "s":
      return reader.string();
    case "i":
      return reader.signed();
    case "b":
      return reader.varint() !== 0;
    case "f":
      return wire === 5 ? reader.float() : reader.double();
    case "y":
      return Buffer.from(reader.bytes()).toString("base64");
    case "[s":
      return [reader.string()];
    default:
      return readSpecial(type, reader.bytes(), depth);
  }
}

/** Types that are a message on the wire and something simple in JSON. */
function readSpecial(type: string, bytes: Uint8Array, depth: number): unknown {
  switch (type) {
    case "t":
      return readTime(bytes, false);
    case "u":
      return readTime(bytes, true);
    case "q":
      return firstString(bytes);
    case "x":
      return readIntOrString(bytes);
    case "j":
      return readJson(bytes);
    case "d":
      return readDuration(bytes);
    case "e":
      return [...fields(bytes)].map(({ reader }) => reader.string());
    default:
      return readMessage(bytes, messageOf(type.slice(1))!, depth + 1);
  }
}

function firstString(bytes: Uint8Array): string {
  let text = "";
  for (const { number, wire, reader } of fields(bytes)) {
    if (number === 1) text = reader.string();
    else reader.skip(wire);
  }
  return text;
}

/** Seconds 1, nanoseconds 2; an empty message is no time. */
function readTime(bytes: Uint8Array, withMicroseconds: boolean): string | undefined {
  if (bytes.length === 0) return undefined;
  let [seconds, nanoseconds] = [0, 0];
  for (const { number, wire, reader } of fields(bytes)) {
    if (number === 1) seconds = reader.signed();
    else if (number === 2) nanoseconds = reader.signed();
    else reader.skip(wire);
  }
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) throw malformed("a time is out of range");
  const whole = date.toISOString().slice(0, 19);
  return withMicroseconds ? `${whole}.${String(Math.floor(nanoseconds / 1000)).padStart(6, "0")}Z` : `${whole}Z`;
}

/** Type 1 (0: the integer in 2, 1: the string in 3). */
function readIntOrString(bytes: Uint8Array): number | string {
  let [type, integer, text] = [0, 0, ""];
  for (const { number, wire, reader } of fields(bytes)) {
    if (number === 1) type = reader.signed();
    else if (number === 2) integer = reader.signed();
    else if (number === 3) text = reader.string();
    else reader.skip(wire);
  }
  return type === 0 ? integer : text;
}

function readJson(bytes: Uint8Array): unknown {
  const text = firstString(bytes);
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw malformed("a field that holds JSON does not");
  }
}

/** Nanoseconds as Go writes a duration; whole seconds are enough for the kinds that have one. */
function readDuration(bytes: Uint8Array): string {
  for (const { number, wire, reader } of fields(bytes)) {
    if (number === 1) return `${reader.signed() / 1e9}s`;
    reader.skip(wire);
  }
  return "0s";
}

function malformed(why: string): StatusError {
  return new StatusError("BadRequest", `the object provided is unrecognized: it is no protobuf of Kubernetes: ${why}`);
}
