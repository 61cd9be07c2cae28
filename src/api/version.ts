/** API versions: 1.24 to 1.51, named in the path or, when the path names none, the newest. */
import { API_VERSION, MIN_API_VERSION } from "../lib/version.ts";
import { badRequest } from "./errors.ts";

/** The minor number: every version of the API so far is 1.x. */
export type ApiVersion = number;

const MAX_MINOR = Number(API_VERSION.split(".")[1]);
const MIN_MINOR = Number(MIN_API_VERSION.split(".")[1]);

interface VersionedPath {
  /** "1.24"; undefined when the path names none. */
  asked: string | undefined;
  /** Without the version prefix. */
  path: string;
}

/** Docker answers this one as plain text, so that clients from before JSON errors can show it. */
export class TooOldVersionError extends Error {}

/** Takes the version off a path. */
export function splitVersion(fullPath: string): VersionedPath {
  const [, asked, path = fullPath] = /^\/v([0-9.]+)(\/.*)$/.exec(fullPath) ?? [];
  return { asked, path };
}

/** @throws invalid for a version that is too new, TooOldVersionError for one that is too old. */
export function requireVersion(asked: string | undefined): ApiVersion {
  if (asked === undefined) return MAX_MINOR;
  const [major = 0, minor = 0] = asked.split(".").map(Number);
  if (major > 1 || (major === 1 && minor > MAX_MINOR)) {
    throw badRequest(`client version ${asked} is too new. Maximum supported API version is ${API_VERSION}`);
  }
  if (major < 1 || minor < MIN_MINOR) {
    throw new TooOldVersionError(
      `client version ${asked} is too old. Minimum supported API version is ${MIN_API_VERSION}, ` +
        "please upgrade your client to a newer version",
    );
  }
  return minor;
}
