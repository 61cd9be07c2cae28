/** Extended attributes (xattr(7)) of names relative to a directory descriptor, never following a link. */
import { dlopen, read } from "bun:ffi";
import { rawBytes } from "./file-calls.ts";
import { SysError } from "./sys-error.ts";

const { symbols: libc } = dlopen("libc.so.6", {
  lsetxattr: { args: ["ptr", "ptr", "ptr", "u64", "int"], returns: "int" },
  lgetxattr: { args: ["ptr", "ptr", "ptr", "u64"], returns: "i64" },
  llistxattr: { args: ["ptr", "ptr", "u64"], returns: "i64" },
  fsetxattr: { args: ["int", "ptr", "ptr", "u64", "int"], returns: "int" },
  __errno_location: { args: [], returns: "ptr" },
});
const errno = (): number => read.i32(libc.__errno_location()!, 0);
const ENODATA = 61;
const EOPNOTSUPP = 95;
const ERANGE = 34;
/** The kernel's limits: XATTR_SIZE_MAX and XATTR_LIST_MAX. */
const MAX_BYTES = 65536;

// There is no *at() form before Linux 6.13; the descriptor's entry in /proc stands for the directory.
const inDirectory = (directory: number, name: string): Buffer => rawBytes(`/proc/self/fd/${directory}/${name}`);

/**
 * Sets an attribute. @returns false when the file system has no such attributes, or the process may not set this one
 * (trusted.* without CAP_SYS_ADMIN). @throws {SysError}
 */
export function setXattrAt(directory: number, name: string, key: string, value: Uint8Array): boolean {
  return accepted(
    libc.lsetxattr(inDirectory(directory, name), rawBytes(key), filled(value), value.length, 0),
    `set ${key} of ${name}`,
  );
}

/** Sets an attribute of an open file; answers as setXattrAt(). */
export function setXattr(fd: number, key: string, value: Uint8Array): boolean {
  return accepted(libc.fsetxattr(fd, rawBytes(key), filled(value), value.length, 0), `set ${key}`);
}

// A pointer to an empty array is null in Bun, which the kernel would take for a missing value.
const filled = (value: Uint8Array): Uint8Array => (value.length > 0 ? value : new Uint8Array(1));

function accepted(result: number, what: string): boolean {
  if (result === 0) return true;
  const code = errno();
  if (code === EOPNOTSUPP || code === 1) return false;
  throw new SysError(code, what);
}

/** The value, or undefined when absent. @throws {SysError} */
export function findXattrAt(directory: number, name: string, key: string): Buffer | undefined {
  const path = inDirectory(directory, name);
  const rawKey = rawBytes(key);
  return readValue((value) => Number(libc.lgetxattr(path, rawKey, value, value.length)), `get ${key} of ${name}`);
}

const scratch = Buffer.alloc(256);
function readValue(call: (value: Buffer) => number, what: string): Buffer | undefined {
  for (let value = scratch; ; value = Buffer.alloc(MAX_BYTES)) {
    const length = call(value);
    if (length >= 0) return Buffer.from(value.subarray(0, length));
    const code = errno();
    if (code === ENODATA || code === EOPNOTSUPP) return undefined;
    if (code !== ERANGE || value !== scratch) throw new SysError(code, what);
  }
}

/** Names of all attributes, sorted. @throws {SysError} */
export function listXattrsAt(directory: number, name: string): string[] {
  const path = inDirectory(directory, name);
  const value = readValue((list) => Number(libc.llistxattr(path, list, list.length)), `list attributes of ${name}`);
  return value === undefined ? [] : value.toString("latin1").split("\0").filter(Boolean).sort();
}
