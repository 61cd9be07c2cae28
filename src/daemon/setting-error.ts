import { NaruError } from "../lib/errors.ts";

/** The configuration cannot be used. */
export function badSetting(message: string): NaruError {
  return new NaruError("invalid", message);
}
