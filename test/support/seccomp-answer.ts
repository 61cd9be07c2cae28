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
export function seccompAnswer(program: Uint8Array, call: SystemCall): number {
  return execute(program, call).answer;
}

function execute(program: Uint8Array, { architecture, number, rest = [] }: SystemCall) {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const words = [number, architecture, ...rest];
  let accumulator = 0;
  let asksArguments = false;
  for (let at = 0; ; at += 8) {
    const value = view.getUint32(at + 4, isLittle);
    const jump = (isTaken: boolean) => {
      at += 8 * view.getUint8(at + (isTaken ? 2 : 3));
    };
    switch (view.getUint16(at, isLittle)) {
      case 0x20:
        asksArguments ||= value > 4;
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
        return { answer: value, asksArguments };
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
 * System calls that another program should answer as this one does: each value that it compares with, and its neighbours, as
 * architecture and as number, all combined; and where it then asks for arguments, also each as their lower half, their
 * upper half and both.
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
  const architectures = [0, ...[...values].filter((value) => value > 0xffff)];
  const calls = architectures.flatMap((architecture) => [...values].map((number) => ({ architecture, number })));
  const rests = [...values].flatMap((value) =>
    [
      [value, 0],
      [0, value],
      [value, value],
    ].map((halves) => Array<number[]>(7).fill(halves).flat()),
  );
  const asking = calls.filter((call) => execute(program, call).asksArguments);
  return [...calls, ...asking.flatMap((call) => rests.map((rest) => ({ ...call, rest })))];
}
