/** Room on the disk that is given back when the disk is full, so that deletions can still be written down. For the store's thread. */

import { closeSync, existsSync, openSync, rmSync, writeSync } from "node:fs";

/** More than the log beside the file ever holds, which must fit into the file before it can be begun anew. */
const BYTES = 3 * 1024 * 1024;

export class DiskReserve {
  /** @param path undefined: nothing is kept */
  constructor(private readonly path: string | undefined) {}

  /** Takes the room if there is any. */
  take(): void {
    if (this.path === undefined || existsSync(this.path)) return;
    try {
      const file = openSync(this.path, "wx", 0o600);
      try {
        if (writeSync(file, new Uint8Array(BYTES)) < BYTES) rmSync(this.path);
      } finally {
        closeSync(file);
      }
    } catch {
      // No room for it now.
      this.release();
    }
  }

  release(): void {
    if (this.path !== undefined) rmSync(this.path, { force: true });
  }
}
