/** --cascade: what becomes of the objects that belong to a deleted one. */

import { string } from "../flag-types.ts";
import type { Flag } from "../flags.ts";

const PROPAGATION: Readonly<Record<string, string>> = {
  background: "Background",
  orphan: "Orphan",
  foreground: "Foreground",
};

export const cascade = (): Flag<string> => ({
  ...string('What becomes of objects that belong to these: "background", "foreground" or "orphan"', {
    initial: "background",
    check(text) {
      if (PROPAGATION[text] === undefined) throw new Error('Must be "background", "foreground", or "orphan"');
    },
  }),
  bare: "background",
});

/** The API's word for it (DeleteOptions.propagationPolicy). */
export const propagationOf = (cascadeWord: string): string => PROPAGATION[cascadeWord]!;
