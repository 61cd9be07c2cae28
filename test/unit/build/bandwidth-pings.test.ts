/** Pings by which clients measure their bandwidth are kept from the session; everything else passes, however it is cut. */
import { expect, test } from "bun:test";
import { PingFilter } from "../../../src/build/grpc/bandwidth-pings.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const MEASURING = [2, 4, 16, 16, 9, 14, 7, 7];

function frame(type: number, flags: number, payload: readonly number[]): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  return Buffer.concat([head, Buffer.from(payload)]);
}

const settings = frame(4, 0, [0, 4, 0, 1, 0, 0]);
const data = frame(0, 1, [0, 0, 8, 6, 0, 0, 0, 0, 0, ...MEASURING]);
const keepAlive = frame(6, 0, [0, 0, 0, 0, 0, 0, 0, 0]);
const answered = frame(6, 1, MEASURING);
const measuring = frame(6, 0, MEASURING);
const kept = [settings, data, keepAlive, answered, data];
const sent = [settings, measuring, data, keepAlive, measuring, measuring, answered, data, measuring];

test.each([1, 2, 7, 9, 16, 17, 18, 1000])("in pieces of %d bytes", (size) => {
  const filter = new PingFilter();
  const whole = Buffer.concat([PREFACE, ...sent]);
  const passed: Buffer[] = [];
  for (let at = 0; at < whole.length; at += size) passed.push(...filter.pass(whole.subarray(at, at + size)));
  expect(Buffer.concat(passed).toString("hex")).toBe(Buffer.concat([PREFACE, ...kept]).toString("hex"));
});
