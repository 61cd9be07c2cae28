/**
 * Programs of classic BPF as seccomp takes them: their instructions, and struct sock_filter of linux/filter.h in a row, which
 * is what lies in a file or an annotation. What they look at is struct seccomp_data of linux/seccomp.h. Pure.
 */
import { endianness } from "node:os";

export interface Instruction {
  code: number;
  /** How many instructions are skipped when the condition holds, and when it does not; 0 for what is no condition. */
  yes: number;
  no: number;
  /** What is compared with, looked at (an offset), answered, or for JUMP how many instructions are skipped. */
  value: number;
}

/** The instructions that seccomp filters consist of. */
export const CODE = {
  LOAD: 0x20,
  AND: 0x54,
  JUMP: 0x05,
  JUMP_IF_EQUAL: 0x15,
  JUMP_IF_GREATER: 0x25,
  JUMP_IF_AT_LEAST: 0x35,
  RETURN: 0x06,
};

/** Where LOAD finds what; the arguments of the system call lie behind. */
export const OFFSET = { NUMBER: 0, ARCHITECTURE: 4 };

const INSTRUCTION_BYTES = 8;

/** An instruction that is no condition. */
export function plain(code: number, value: number): Instruction {
  return { code, yes: 0, no: 0, value };
}

/** Undefined for what are no whole instructions. */
export function decodeProgram(bytes: Uint8Array): Instruction[] | undefined {
  if (bytes.length % INSTRUCTION_BYTES !== 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isLittle = endianness() === "LE";
  return Array.from({ length: bytes.length / INSTRUCTION_BYTES }, (_, index) => {
    const at = index * INSTRUCTION_BYTES;
    const [yes, no] = [view.getUint8(at + 2), view.getUint8(at + 3)];
    return { code: view.getUint16(at, isLittle), yes, no, value: view.getUint32(at + 4, isLittle) };
  });
}

export function encodeProgram(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * INSTRUCTION_BYTES);
  const view = new DataView(bytes.buffer);
  const isLittle = endianness() === "LE";
  instructions.forEach(({ code, yes, no, value }, index) => {
    const at = index * INSTRUCTION_BYTES;
    view.setUint16(at, code, isLittle);
    view.setUint8(at + 2, yes);
    view.setUint8(at + 3, no);
    view.setUint32(at + 4, value, isLittle);
  });
  return bytes;
}
