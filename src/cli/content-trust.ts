import { CliError } from "./cli-error.ts";
import { bool } from "./flag-types.ts";

/** Docker's flag for Notary's signatures, which scripts set to true: naru has none of them anyway. */
export function contentTrust(summary: string) {
  const isWished = ["1", "t", "true"].includes((process.env.DOCKER_CONTENT_TRUST ?? "").toLowerCase());
  return bool(summary, { initial: !isWished, defaultText: "true" });
}

/** @throws {CliError} when the user asks for what naru does in another way */
export function refuseContentTrust(isDisabled: boolean): void {
  if (isDisabled) return;
  throw new CliError(
    "content trust with Notary (DOCKER_CONTENT_TRUST) is not supported: sign images with 'sign', check them with 'verify', " +
      "and let the daemon refuse unsigned ones with --signature-policy",
  );
}
