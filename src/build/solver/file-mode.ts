/** Permissions as `--chmod` takes them: octal, or symbolic as in chmod(1). */
import { NaruError } from "../../lib/errors.ts";

export type ModeChange = (mode: number, isDirectory: boolean) => number;

const BITS = { r: 4, w: 2, x: 1 } as const;
const SHIFTS = { u: 6, g: 3, o: 0 } as const;
const SET_ID = { u: 0o4000, g: 0o2000 } as const;

/** @throws {NaruError} invalid for what is neither */
export function parseMode(text: string): ModeChange {
  if (/^[0-7]{1,5}$/.test(text)) {
    const mode = Number.parseInt(text, 8) & 0o7777;
    return () => mode;
  }
  const changes = text.split(",").map((clause) => parseClause(clause, text));
  return (mode, isDirectory) => changes.reduce((before, change) => change(before, isDirectory), mode);
}

function parseClause(clause: string, whole: string): ModeChange {
  const match = /^([ugoa]*)((?:[-+=](?:[ugo]|[rwxXst]*))+)$/.exec(clause);
  if (!match) {
    throw new NaruError(
      "invalid",
      `invalid chmod parameter: '${whole}'. it should be octal string and between 0 and 07777, or symbolic as in chmod(1)`,
    );
  }
  const who = (match[1] === "" || match[1]!.includes("a") ? "ugo" : match[1]!) as string;
  const actions = [...match[2]!.matchAll(/([-+=])([ugo]|[rwxXst]*)/g)].map(([, sign, what]) => ({ sign, what: what! }));
  return (mode, isDirectory) => actions.reduce((before, action) => apply(before, who, action, isDirectory), mode);
}

function apply(
  mode: number,
  who: string,
  { sign, what }: { sign: string | undefined; what: string },
  isDirectory: boolean,
): number {
  let result = mode;
  for (const name of who as Iterable<"u" | "g" | "o">) {
    const shift = SHIFTS[name];
    const bits = permissionBits(mode, what, isDirectory) << shift;
    const special = (what.includes("s") && name !== "o" ? SET_ID[name] : 0) | (what.includes("t") ? 0o1000 : 0);
    if (sign === "+") result |= bits | special;
    else if (sign === "-") result &= ~(bits | special);
    else result = (result & ~(7 << shift) & ~(name === "o" ? 0 : SET_ID[name])) | bits | special;
  }
  return result;
}

/** As if for "others": three bits. `g=u` copies those that the user has. */
function permissionBits(mode: number, what: string, isDirectory: boolean): number {
  if (/^[ugo]$/.test(what)) return (mode >> SHIFTS[what as "u"]) & 7;
  let bits = 0;
  for (const letter of what) {
    if (letter === "X") bits |= isDirectory || mode & 0o111 ? 1 : 0;
    else bits |= BITS[letter as "r"] ?? 0;
  }
  return bits;
}
