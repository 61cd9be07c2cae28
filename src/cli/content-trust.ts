import { CliError } from "./cli-error.ts";
import { bool } from "./flag-types.ts";

/** Docker's flag for Notary's signatures, which scripts set to true: naru has none of them anyway. */
export function contentTrust(summary: string) {
  return bool(summary, { initial: true });
}

/** @throws {CliError} when the user asks for what naru does in another way */
export function refuseContentTrust(isDisabled: boolean): void {
  if (isDisabled) return;
  throw new CliError(
    "content trust with Notary is not supported: sign images with 'sign' and check them with 'verify'",
  );
}
