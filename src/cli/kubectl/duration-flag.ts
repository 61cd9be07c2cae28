import { parseDuration } from "../../lib/go-duration.ts";
import { string } from "../flag-types.ts";
import type { Flag } from "../flags.ts";

/** A flag with a duration as Go writes them, such as "1m30s"; its value is the text. */
export const durationText = (usage: string, options: { initial: string }): Flag<string> => ({
  ...string(usage, { ...options, type: "duration", check: parseDuration }),
});
