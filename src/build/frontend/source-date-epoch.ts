/** SOURCE_DATE_EPOCH as a build argument, or as a global ARG with a default. */
import { NaruError } from "../../lib/errors.ts";
import type { Planning } from "./planning.ts";

/** Seconds since 1970; undefined when not given. @throws {NaruError} invalid */
export function readSourceDateEpoch({ request, globalArgs }: Planning): number | undefined {
  const text = request.buildArgs.SOURCE_DATE_EPOCH ?? globalArgs.get("SOURCE_DATE_EPOCH") ?? "";
  if (text === "") return undefined;
  const seconds = Number(text);
  if (/^-?\d+$/.test(text) && Number.isSafeInteger(seconds)) return seconds;
  throw new NaruError("invalid", `invalid SOURCE_DATE_EPOCH: ${text}: give seconds since 1970, such as 1700000000`);
}
