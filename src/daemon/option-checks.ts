/** What the options name or say in a notation of its own, read as a start of the daemon reads it. */
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import type { RegistrySettings } from "../distribution/contract.ts";
import { checkMirrors } from "../distribution/registry-addresses.ts";
import { completeLogConfig } from "../engine/log-config.ts";
import { readRotation } from "../engine/log-driver.ts";
import { errorText, NaruError } from "../lib/errors.ts";
import { parseSeccompProfile } from "../runtime/seccomp-profile.ts";
import { loadPolicyFile } from "../signature/policy-file.ts";
import type { DaemonOptions, TlsOptions } from "./options.ts";

/** For `--validate`: whatever a start would refuse of the options themselves. @throws NaruError */
export async function checkOptions(options: DaemonOptions): Promise<void> {
  if (options.signaturePolicy !== undefined) await loadPolicyFile(options.signaturePolicy);
  checkedRegistrySettings(options);
  checkLogOptions(options);
  const profile = await seccompProfile(options.seccompProfile);
  if (profile !== undefined && profile !== "unconfined") parseSeccompProfile(profile);
  if (options.tls !== undefined) await readTlsFiles(options.tls);
}

/** The runtime takes the text of a profile, or "unconfined". */
export async function seccompProfile(setting: string | undefined): Promise<string | undefined> {
  if (setting === undefined || setting === "builtin") return undefined;
  if (setting === "unconfined") return setting;
  try {
    return await readFile(setting, "utf8");
  } catch (error) {
    throw new NaruError("invalid", `opening seccomp profile (${setting}) failed: ${errorText(error)}`);
  }
}

/** A mistake is told at the start, not by every container. */
export function checkLogOptions({ logDriver, logOptions }: DaemonOptions): void {
  try {
    const { Type, Config } = completeLogConfig(undefined, { logDriver, logOptions });
    if (Type !== "none") readRotation(Type, Config);
  } catch (error) {
    throw new NaruError("invalid", `failed to set log opts: ${errorText(error)}`);
  }
}

/** @throws invalid for a mirror that is no address */
export function checkedRegistrySettings(options: DaemonOptions): RegistrySettings {
  const settings = {
    mirrors: options.registryMirrors,
    hostMirrors: options.hostMirrors,
    insecureRegistries: options.insecureRegistries,
    certificateDirs: options.certificateDirs,
    downloadAttempts: options.downloadAttempts,
  };
  checkMirrors(settings);
  return settings;
}

/** @throws invalid for files that cannot be read or that hold no key and certificate that belong together */
export async function readTlsFiles(
  options: TlsOptions,
): Promise<{ key: Buffer; cert: Buffer; ca: Buffer | undefined }> {
  const [key, cert, ca] = await Promise.all([
    readPem("key", options.keyFile),
    readPem("certificate", options.certFile),
    options.verify ? readPem("CA certificate", options.caFile) : undefined,
  ]);
  try {
    createSecureContext({ key, cert, ca });
  } catch (error) {
    throw new NaruError(
      "invalid",
      `invalid TLS configuration: ${options.certFile} and ${options.keyFile} cannot be used: ${errorText(error)}`,
    );
  }
  return { key, cert, ca };
}

async function readPem(what: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new NaruError("invalid", `invalid TLS configuration: could not read the ${what}: ${errorText(error)}`);
  }
}
