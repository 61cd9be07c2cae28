/** --cascade: what becomes of the objects that belong to a deleted one. */

import { CliError } from "../cli-error.ts";
import { string } from "../flag-types.ts";
import type { Flag } from "../flags.ts";

const PROPAGATION: Readonly<Record<string, string>> = {
  background: "Background",
  orphan: "Orphan",
  foreground: "Foreground",
};

/** The flag --cascade; its word is checked by propagationOf. */
export const cascade = (): Flag<string> => ({
  ...string('What becomes of objects that belong to these: "background", "foreground" or "orphan"', {
    initial: "background",
  }),
  bare: "background",
});

/** What was written before there were three ways. */
const OLDER_WORDS: Readonly<Record<string, string>> = { true: "background", false: "orphan" };

/** The API's word for it (DeleteOptions.propagationPolicy). @throws CliError for a word that is none */
export function propagationOf(cascadeWord: string): string {
  const found = PROPAGATION[OLDER_WORDS[cascadeWord] ?? cascadeWord];
  if (found !== undefined) return found;
  throw new CliError(`error: invalid cascade value (${cascadeWord}). Must be "background", "foreground", or "orphan"`);
}
