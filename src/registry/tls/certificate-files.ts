/** The registry's certificate: given as files (read again when they change), or made by itself under the root. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { newKey } from "../../lib/certificate.ts";
import { errorText, NaruError } from "../../lib/errors.ts";
import { writeWhole } from "../../lib/whole-file.ts";
import type { TlsSettings } from "../config/registry-settings.ts";
import { describeCertificate, selfSign } from "./self-signed.ts";

const SELF_SIGNED_DAYS = 397;
/** A pair of one's own is made anew when so little of its time is left. */
const RENEW_BEFORE_MS = 30 * 86_400_000;

export interface LoadedTls {
  /** For Bun.serve. */
  options: Bun.TLSOptions;
  fingerprint: string;
  until: string;
  /** Where a self-signed certificate lies, to be given to clients. */
  madeAt: string | undefined;
}

/**
 * Reads the files, or makes a pair first.
 * @throws {NaruError} invalid naming the file, also when certificate and key do not belong together
 */
export async function loadTls(settings: TlsSettings, root: string): Promise<LoadedTls> {
  const folder = join(root, "tls");
  const isOwn = settings.selfSigned !== undefined;
  if (settings.selfSigned !== undefined) await ensureSelfSigned(folder, settings.selfSigned);
  const certificatePath = settings.certificate ?? join(folder, "certificate.pem");
  const keyPath = settings.key ?? join(folder, "key.pem");
  // One after the other: of several faults the first is told, every time.
  const cert = await readPem("certificate", certificatePath);
  const key = await readPem("key", keyPath);
  const ca = settings.clientCa === undefined ? undefined : await readPem("client CA", settings.clientCa);
  checkPair(cert, key, certificatePath, keyPath);
  if (ca !== undefined) describe(ca, settings.clientCa!);
  const clients = ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true };
  return {
    options: { cert, key, ...clients },
    ...describe(cert, certificatePath),
    madeAt: isOwn ? certificatePath : undefined,
  };
}

/** Changes whenever one of the files does. */
export async function tlsStamp(settings: TlsSettings): Promise<string> {
  const paths = [settings.certificate, settings.key, settings.clientCa].filter((path) => path !== undefined);
  const stamps = paths.map((path) =>
    stat(path).then(
      (info) => `${info.ino}:${info.size}:${info.mtimeMs}`,
      () => "absent",
    ),
  );
  return (await Promise.all(stamps)).join(" ");
}

/** What the person who started the server has to do on each client. */
export function selfSignedInstructions({ madeAt, fingerprint }: LoadedTls, address: string): string {
  return [
    `The certificate is self-signed (SHA-256 ${fingerprint}). Give it to each client as the authority of ${address}:`,
    `  docker, naru   copy ${madeAt} to /etc/docker/certs.d/${address}/ca.crt`,
    `  podman, skopeo copy ${madeAt} to /etc/containers/certs.d/${address}/ca.crt`,
    `  containerd     copy ${madeAt} to /etc/containerd/certs.d/${address}/ca.crt and name it as "ca" in hosts.toml there`,
  ].join("\n");
}

async function ensureSelfSigned(folder: string, hosts: readonly string[]): Promise<void> {
  const certificatePath = join(folder, "certificate.pem");
  const present = await readFile(certificatePath, "utf8").catch(() => undefined);
  if (present !== undefined && fits(present, hosts)) return;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const key = await newKey();
  const certificate = await selfSign(key, { commonName: hosts[0]!, hosts, days: SELF_SIGNED_DAYS });
  // The certificate last: without a new one the pair is made anew.
  await writeWhole(join(folder, "key.pem"), key, 0o600);
  await writeWhole(certificatePath, certificate, 0o644);
}

function fits(certificate: string, hosts: readonly string[]): boolean {
  try {
    const parsed = new X509Certificate(certificate);
    const hasAll = hosts.every((host) => parsed.checkHost(host) !== undefined || parsed.checkIP(host) !== undefined);
    return hasAll && Date.parse(parsed.validTo) - Date.now() > RENEW_BEFORE_MS;
  } catch {
    return false;
  }
}

async function readPem(what: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new NaruError("invalid", `cannot read the TLS ${what} ${path}: ${errorText(error)}`);
  }
}

function checkPair(cert: string, key: string, certificatePath: string, keyPath: string): void {
  describe(cert, certificatePath);
  try {
    if (new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) return;
  } catch (error) {
    throw new NaruError("invalid", `the TLS key ${keyPath} cannot be used: ${errorText(error)}`);
  }
  throw new NaruError("invalid", `the TLS key ${keyPath} is not the one of the certificate ${certificatePath}`);
}

function describe(certificate: string, path: string): { fingerprint: string; until: string } {
  try {
    return describeCertificate(certificate);
  } catch (error) {
    throw new NaruError("invalid", `${path} holds no PEM certificate: ${errorText(error)}`);
  }
}
