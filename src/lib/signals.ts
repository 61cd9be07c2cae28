/** Signal names and numbers of Linux (signal(7)), with and without "SIG". */
import { NaruError } from "./errors.ts";

const NUMBERS: Record<string, number> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  IOT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  POLL: 29,
  PWR: 30,
  SYS: 31,
  RTMIN: 34,
  RTMAX: 64,
};

export const SIGKILL = 9;
export const SIGTERM = 15;

/** True for what kill(2) of Linux takes; 32 and 33 are the C library's own. */
export function isSignalNumber(number: number): boolean {
  return (number >= 1 && number <= 31) || (number >= 34 && number <= 64);
}

/** The number of "9", "KILL", "SIGKILL", "rtmin+3". @throws {NaruError} invalid `invalid signal: x`. */
export function signalNumber(text: string): number {
  const invalid = () => new NaruError("invalid", `invalid signal: ${text}`);
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    if (number === 0 || number > 64) throw invalid();
    return number;
  }
  const name = text.toUpperCase().replace(/^SIG/, "");
  const realTime = /^RT(MIN|MAX)([+-])(\d{1,2})$/.exec(name);
  if (realTime !== null) {
    const number = (realTime[1] === "MIN" ? 34 : 64) + Number(`${realTime[2]}${realTime[3]}`);
    if (number < 34 || number > 64) throw invalid();
    return number;
  }
  const number = NUMBERS[name];
  if (number === undefined) throw invalid();
  return number;
}
