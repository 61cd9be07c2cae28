/**
 * An OpenAPI 2 document in the protobuf form in which Go clients ask for it (application/com.github.proto-openapi.spec.v2@v1.0+protobuf):
 * messages and numbers of openapi.v2.Document.
 */

import { isRecord } from "./type-schema.ts";

type Json = Record<string, unknown>;
/** How a member is written: its number and what it is. */
type Writer = (number: number, value: unknown) => Buffer;
type Message = Readonly<Record<string, readonly [number, Writer]>>;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

function field(number: number, body: Buffer): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(body.length), body]);
}

const NOTHING = Buffer.alloc(0);
const text: Writer = (number, value) => (typeof value === "string" ? field(number, Buffer.from(value)) : NOTHING);
const flag: Writer = (number, value) => (value === true ? Buffer.concat([varint(number * 8), varint(1)]) : NOTHING);
const count: Writer = (number, value) =>
  typeof value === "number" && value > 0 ? Buffer.concat([varint(number * 8), varint(value)]) : NOTHING;
const fraction: Writer = (number, value) => {
  if (typeof value !== "number") return NOTHING;
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([varint(number * 8 + 1), bytes]);
};
/** Anything: as YAML, which JSON is. */
const anything: Writer = (number, value) => field(number, text(2, JSON.stringify(value)));

function each(writer: Writer): Writer {
  return (number, value) => (Array.isArray(value) ? Buffer.concat(value.map((one) => writer(number, one))) : NOTHING);
}

/** A message; `extension` is the number of its members that begin with "x-". Members that it does not have are left out. */
function message(members: () => Message, extension = 0): Writer {
  return (number, value) => (isRecord(value) ? field(number, bodyOf(members(), extension, value)) : NOTHING);
}

function bodyOf(members: Message, extension: number, value: Json): Buffer {
  const parts: Buffer[] = [];
  for (const [name, inner] of Object.entries(value)) {
    const member = members[name];
    if (member !== undefined) parts.push(member[1](member[0], inner));
    else if (extension > 0 && name.startsWith("x-")) {
      parts.push(field(extension, Buffer.concat([text(1, name), anything(2, inner)])));
    }
  }
  return Buffer.concat(parts);
}

/** A wrapper around one member. */
const inside = (inner: number, writer: Writer): Writer => {
  return (number, value) => field(number, writer(inner, value));
};

/** A map, as a message of pairs of name (1) and value (2). */
function pairs(inner: number, writer: Writer): Writer {
  return (number, value) => {
    if (!isRecord(value)) return NOTHING;
    const list = Object.entries(value).map(([name, one]) =>
      field(inner, Buffer.concat([text(1, name), writer(2, one)])),
    );
    return field(number, Buffer.concat(list));
  };
}

const schema: Writer = message(
  () => ({
    $ref: [1, text],
    format: [2, text],
    title: [3, text],
    description: [4, text],
    default: [5, anything],
    multipleOf: [6, fraction],
    maximum: [7, fraction],
    exclusiveMaximum: [8, flag],
    minimum: [9, fraction],
    exclusiveMinimum: [10, flag],
    maxLength: [11, count],
    minLength: [12, count],
    pattern: [13, text],
    maxItems: [14, count],
    minItems: [15, count],
    uniqueItems: [16, flag],
    maxProperties: [17, count],
    minProperties: [18, count],
    required: [19, each(text)],
    enum: [20, each(anything)],
    additionalProperties: [
      21,
      (number, value) => field(number, typeof value === "boolean" ? flag(2, value) : schema(1, value)),
    ],
    type: [22, inside(1, text)],
    items: [23, inside(1, schema)],
    allOf: [24, each(schema)],
    properties: [25, pairs(1, schema)],
  }),
  31,
);

const PLACE: Message = { required: [1, flag], in: [2, text], description: [3, text], name: [4, text] };
const body = message(() => ({
  description: [1, text],
  name: [2, text],
  in: [3, text],
  required: [4, flag],
  schema: [5, schema],
}));
const query = message(() => ({ ...PLACE, type: [6, text], format: [7, text], uniqueItems: [20, flag] }));
const path = message(() => ({ ...PLACE, type: [5, text], format: [6, text], uniqueItems: [19, flag] }));

const parameter: Writer = (number, value) => {
  const place = isRecord(value) ? value.in : undefined;
  const inner = place === "body" ? body(1, value) : field(2, place === "path" ? path(4, value) : query(3, value));
  return field(number, field(1, inner));
};

const response = message(() => ({ description: [1, text], schema: [2, inside(1, schema)] }), 5);
const operation = message(
  () => ({
    tags: [1, each(text)],
    description: [3, text],
    operationId: [5, text],
    produces: [6, each(text)],
    consumes: [7, each(text)],
    parameters: [8, each(parameter)],
    responses: [9, pairs(1, inside(1, response))],
  }),
  13,
);
const pathItem = message(
  () => ({
    get: [2, operation],
    put: [3, operation],
    post: [4, operation],
    delete: [5, operation],
    patch: [8, operation],
    parameters: [9, each(parameter)],
  }),
  10,
);

const DOCUMENT: Message = {
  swagger: [1, text],
  info: [2, message(() => ({ title: [1, text], version: [2, text] }))],
  paths: [8, pairs(2, pathItem)],
  definitions: [9, pairs(1, schema)],
};

/** @param document an OpenAPI 2 document; what the form has no place for (oneOf, anyOf, not) is left out, as clients expect */
export function encodeOpenApi(document: Json): Buffer {
  return bodyOf(DOCUMENT, 16, document);
}
