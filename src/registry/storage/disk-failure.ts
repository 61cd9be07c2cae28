/** What a failed file call means for the registry. */
import { errorText, NaruError } from "../../lib/errors.ts";
import { errorCode } from "../../linux/sys-error.ts";

/** There is no such file, or what should be its directory is one. */
export function isAbsent(error: unknown): boolean {
  const code = errorCode(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

/** The kernel's words, with what to do where that is known. Other people's errors (a client that went away) pass. */
export function storageError(error: unknown, what: string): unknown {
  const code = errorCode(error);
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new NaruError(
      "unavailable",
      `the registry's disk is full (cannot ${what}): delete images, then 'naru registry gc'`,
      {
        cause: error,
      },
    );
  }
  if (code === "EROFS" || code === "EIO" || code === "EACCES") {
    return new NaruError("unavailable", `the registry's disk fails (cannot ${what}): ${errorText(error)}`, {
      cause: error,
    });
  }
  return error;
}
