/** What must not be left behind when the user ends a command in the middle. */

import { rmSync } from "node:fs";

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * Takes files and folders away when a signal ends this process before the work is done.
 * @param paths asked for when the signal comes @returns what ends that care
 */
export function removedWhenInterrupted(paths: () => readonly string[]): () => void {
  const listeners = Object.entries(SIGNALS).map(([signal, code]) => {
    const end = () => {
      // The process ends here: nothing else waits for the disk.
      for (const path of paths()) rmSync(path, { recursive: true, force: true });
      process.exit(code);
    };
    process.once(signal, end);
    return () => process.off(signal, end);
  });
  return () => {
    for (const stop of listeners) stop();
  };
}
