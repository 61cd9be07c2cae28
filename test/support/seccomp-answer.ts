/** What the kernel would answer by a seccomp program: the few instructions of classic BPF that are used, written down once more. */
import { endianness } from "node:os";

export interface SystemCall {
  architecture: number;
  number: number;
  /** struct seccomp_data from its third word on: two words of where the call came from, then two for each argument. */
  rest?: readonly number[];
}

const isLittle = endianness() === "LE";

/** @throws for an instruction that is none of these, or a way out of the program. */
export function seccompAnswer(program: Uint8Array, { architecture, number, rest = [] }: SystemCall): number {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const words = [number, architecture, ...rest];
  let accumulator = 0;
  for (let at = 0; ; at += 8) {
    const value = view.getUint32(at + 4, isLittle);
    const jump = (isTaken: boolean) => {
      at += 8 * view.getUint8(at + (isTaken ? 2 : 3));
    };
    switch (view.getUint16(at, isLittle)) {
      case 0x20:
        accumulator = words[value / 4] ?? 0;
        break;
      case 0x54:
        accumulator = (accumulator & value) >>> 0;
        break;
      case 0x05:
        at += 8 * value;
        break;
      case 0x15:
        jump(accumulator === value);
        break;
      case 0x25:
        jump(accumulator > value);
        break;
      case 0x35:
        jump(accumulator >= value);
        break;
      case 0x45:
        jump((accumulator & value) !== 0);
        break;
      case 0x06:
        return value;
      default:
        throw new Error(`unknown instruction at ${at}`);
    }
  }
}

/** One instruction: code, how many are skipped when its condition holds and when not, value. */
export type Line = readonly [code: number, yes: number, no: number, value: number];

export function seccompProgram(lines: readonly Line[]): Uint8Array {
  const bytes = new Uint8Array(lines.length * 8);
  const view = new DataView(bytes.buffer);
  lines.forEach(([code, yes, no, value], index) => {
    view.setUint16(index * 8, code, isLittle);
    view.setUint8(index * 8 + 2, yes);
    view.setUint8(index * 8 + 3, no);
    view.setUint32(index * 8 + 4, value, isLittle);
  });
  return bytes;
}

/**
 * System calls that tell two programs apart if any do: every value that either compares with, and its neighbours, as
 * architecture, number and argument.
 */
export function tellingCalls(program: Uint8Array): SystemCall[] {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const values = new Set<number>([0, 0xffffffff]);
  for (let at = 0; at < program.length; at += 8) {
    if ([0x15, 0x25, 0x35, 0x45, 0x54].includes(view.getUint16(at, isLittle))) {
      const value = view.getUint32(at + 4, isLittle);
      for (const near of [value - 1, value, value + 1]) if (near >= 0 && near < 2 ** 32) values.add(near);
    }
  }
  const large = [...values].filter((value) => value > 0xffff);
  const architectures = [...large, 0];
  const calls = architectures.flatMap((architecture) => [...values].map((number) => ({ architecture, number })));
  // Arguments: one value in all of their words, for each call that asks for some at all.
  const asking = calls.filter((call) => seccompAnswer(program, call) !== 0x7fff0000);
  const rests = [...values].map((value) => Array<number>(14).fill(value));
  return [
    ...calls,
    ...asking.slice(0, 4000).flatMap((call, index) => ({ ...call, rest: rests[index % rests.length] })),
  ];
}
