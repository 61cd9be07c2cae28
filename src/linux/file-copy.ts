/** Copies a file's content inside the kernel (copy_file_range(2)), holes stay holes (lseek(2), SEEK_DATA and SEEK_HOLE). */
import { dlopen, read } from "bun:ffi";
import { SysError } from "./sys-error.ts";

const { symbols: libc } = dlopen("libc.so.6", {
  copy_file_range: { args: ["int", "ptr", "int", "ptr", "u64", "u32"], returns: "i64" },
  sendfile: { args: ["int", "int", "ptr", "u64"], returns: "i64" },
  lseek: { args: ["int", "i64", "int"], returns: "i64" },
  ftruncate: { args: ["int", "i64"], returns: "int" },
  __errno_location: { args: [], returns: "ptr" },
});

const errno = (): number => read.i32(libc.__errno_location()!, 0);
const SEEK_SET = 0;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const ENXIO = 6;
/** Not between these file systems: then sendfile(2) does it. */
const CANNOT_COPY_RANGE = new Set([18, 22, 38, 95]);
const PIECE_BYTES = 1 << 30;

/**
 * Copies `size` bytes into an empty file. `hasHoles`: fewer blocks than the size needs.
 * @throws {SysError} ENOSPC and others
 */
export function copyContent(from: number, to: number, size: number, hasHoles: boolean): void {
  if (size === 0) return;
  if (!hasHoles) {
    copyRange(from, to, size);
    return;
  }
  for (let at = 0; at < size; ) {
    const data = Number(libc.lseek(from, at, SEEK_DATA));
    if (data < 0) {
      if (errno() === ENXIO) break;
      throw new SysError(errno(), "seek in file");
    }
    const hole = Number(libc.lseek(from, data, SEEK_HOLE));
    if (hole < 0) throw new SysError(errno(), "seek in file");
    libc.lseek(from, data, SEEK_SET);
    libc.lseek(to, data, SEEK_SET);
    copyRange(from, to, Math.min(hole, size) - data);
    at = hole;
  }
  if (libc.ftruncate(to, size) !== 0) throw new SysError(errno(), "set size of file");
}

function copyRange(from: number, to: number, length: number): void {
  let usesRange = true;
  for (let left = length; left > 0; ) {
    const piece = Math.min(left, PIECE_BYTES);
    const copied = usesRange
      ? Number(libc.copy_file_range(from, null, to, null, piece, 0))
      : Number(libc.sendfile(to, from, null, piece));
    if (copied < 0) {
      const code = errno();
      if (!usesRange || !CANNOT_COPY_RANGE.has(code)) throw new SysError(code, "copy file");
      usesRange = false;
    } else if (copied === 0) {
      if (!usesRange) return;
      // Zero is also what some file systems of the kernel's own answer.
      usesRange = false;
    } else left -= copied;
  }
}
