/** What steps may have beyond a sandbox: their user must have allowed it, and the daemon's configuration too. */
import { NaruError } from "../lib/errors.ts";

/** @throws {NaruError} forbidden, in BuildKit's words, for what the configuration does not let users allow */
export function checkEntitlements(wanted: readonly string[], allowed: readonly string[]): void {
  for (const name of wanted) {
    if (allowed.includes(name)) continue;
    throw new NaruError("forbidden", `granting entitlement ${name} is not allowed by build daemon configuration`);
  }
}

/** Whether a step may run, in a build with these entitlements. @throws {NaruError} forbidden, saying what to allow */
export function checkSandbox(step: { network: string; security: string }, entitlements: readonly string[]): void {
  const need = (entitlement: string) => {
    if (entitlements.includes(entitlement)) return;
    throw new NaruError("forbidden", `${entitlement} is not allowed: allow it with --allow ${entitlement}`);
  };
  if (step.network === "host") need("network.host");
  if (step.security === "insecure") need("security.insecure");
}
