/** --chmod: octal digits, or chmod's words ("u=rwX,go-w"). */
import { NaruError } from "../../lib/errors.ts";

const CLAUSE = /^[ugoa]*(?:[-+=](?:[ugo]|[rwxXst]*))+$/;

/** @throws {NaruError} invalid in docker's words */
export function checkFileMode(mode: string): void {
  if (/^[0-7]{1,5}$/.test(mode) && Number.parseInt(mode, 8) <= 0o7777) return;
  if (/^\d/.test(mode)) {
    const advice = "it should be octal string and between 0 and 07777";
    throw new NaruError("invalid", `invalid chmod parameter: '${mode}'. ${advice}`);
  }
  if (mode.split(",").every((clause) => CLAUSE.test(clause))) return;
  throw new NaruError(
    "invalid",
    `invalid chmod parameter: '${mode}'. Write octal digits or words as chmod's: u=rwX,go=rX`,
  );
}
