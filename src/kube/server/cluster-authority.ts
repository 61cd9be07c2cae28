/**
 * The cluster's keys, under <data root>/cluster/pki: an authority of its own, the API server's certificate, the
 * administrator's, and the key that signs service account tokens. Made once; what runs out is made anew at a start.
 */
import { createHash, X509Certificate } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type CertificateName, newKey, publicKeyOf, signCertificate } from "../../lib/certificate.ts";
import { errorText, NaruError } from "../../lib/errors.ts";
import { writeWhole } from "../../lib/whole-file.ts";

const AUTHORITY_DAYS = 3650;
const CERTIFICATE_DAYS = 397;
const RENEW_BEFORE_MS = 30 * 86_400_000;
const AUTHORITY: CertificateName = { commonName: "naru-cluster" };
const SERVER: CertificateName = { commonName: "kube-apiserver" };
/** Who vouches for the user that a request's headers name: an authority of its own, which no other client has a certificate of. */
const PROXY_AUTHORITY: CertificateName = { commonName: "naru-cluster-front-proxy" };
export const PROXY_CLIENT: CertificateName = { commonName: "front-proxy-client" };
/** As kubeadm names the person who may do everything. */
const ADMIN: CertificateName = { commonName: "kubernetes-admin", organizations: ["system:masters"] };

interface KeyPair {
  /** PEM. */
  certificate: string;
  key: string;
}

/** What certificates are signed with: PEM of key and certificate, and the name in it. */
export interface CertificateSigner extends KeyPair {
  name: CertificateName;
}

export interface ClusterAuthority {
  /** PEM of the authority's certificate: what clients trust. */
  ca: string;
  server: KeyPair;
  admin: KeyPair;
  /** The certificate with which aggregated API servers are asked, and PEM of the authority that they know it by. */
  frontProxy: KeyPair & { ca: string };
  /** Signs the certificates that clients ask for. */
  signer: CertificateSigner;
  /** PEM of the key that signs service account tokens. */
  tokenKey: string;
  /** A certificate for a client of that name, signed by the authority. */
  issueClient(name: CertificateName): Promise<KeyPair>;
}

/**
 * Opens the keys in `folder` and makes those that are missing, run out, or do not fit `hosts` (names and addresses of the
 * API server).
 * @throws {NaruError} unavailable when a file cannot be read or written
 */
export async function openClusterAuthority(folder: string, hosts: readonly string[]): Promise<ClusterAuthority> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const [ca, proxyCa] = await Promise.all([
    ensurePair(
      folder,
      "ca",
      () => true,
      () => makeAuthority(AUTHORITY),
    ),
    ensurePair(
      folder,
      "front-proxy-ca",
      () => true,
      () => makeAuthority(PROXY_AUTHORITY),
    ),
  ]);
  const signer = { ...ca, name: AUTHORITY };
  const issue = (subject: CertificateName, more: { hosts?: readonly string[] }) => issuePair(signer, subject, more);
  const isSignedBy = (authority: KeyPair) => {
    const { publicKey } = new X509Certificate(authority.certificate);
    return (certificate: X509Certificate) => certificate.verify(publicKey);
  };
  const isOurs = isSignedBy(ca);
  const servesAll = (certificate: X509Certificate) =>
    hosts.every((host) => certificate.checkHost(host) !== undefined || certificate.checkIP(host) !== undefined);
  const [server, admin, proxy, tokenKey] = await Promise.all([
    ensurePair(
      folder,
      "server",
      (found) => isOurs(found) && servesAll(found),
      () => issue(SERVER, { hosts }),
    ),
    ensurePair(folder, "admin", isOurs, () => issue(ADMIN, {})),
    ensurePair(folder, "front-proxy-client", isSignedBy(proxyCa), () =>
      issuePair({ key: proxyCa.key, name: PROXY_AUTHORITY }, PROXY_CLIENT, {}),
    ),
    ensureKey(join(folder, "service-accounts.key")),
  ]);
  const frontProxy = { ...proxy, ca: proxyCa.certificate };
  return { ca: ca.certificate, server, admin, frontProxy, signer, tokenKey, issueClient: (name) => issue(name, {}) };
}

/** The name of a key among others of the same issuer (the "kid" of a token). */
export function keyIdOf(key: string): string {
  const spki = publicKeyOf(key).export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("base64url");
}

/** A new key with a certificate for it: of a server with `hosts`, of a client without. */
async function issuePair(
  signer: { key: string; name: CertificateName },
  subject: CertificateName,
  more: { hosts?: readonly string[] },
): Promise<KeyPair> {
  const key = await newKey();
  const certificate = await signCertificate({
    subject,
    publicKey: publicKeyOf(key),
    signer,
    isAuthority: false,
    signsData: true,
    isServer: more.hosts !== undefined,
    isClient: more.hosts === undefined,
    ...more,
    days: CERTIFICATE_DAYS,
  });
  return { certificate, key };
}

async function makeAuthority(name: CertificateName): Promise<KeyPair> {
  const key = await newKey();
  const certificate = await signCertificate({
    subject: name,
    publicKey: publicKeyOf(key),
    signer: { key, name },
    isAuthority: true,
    signsData: true,
    days: AUTHORITY_DAYS,
  });
  return { certificate, key };
}

async function ensurePair(
  folder: string,
  name: string,
  fits: (certificate: X509Certificate) => boolean,
  make: () => Promise<KeyPair>,
): Promise<KeyPair> {
  const paths = { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  const [certificate, key] = await Promise.all([readIfThere(paths.certificate), readIfThere(paths.key)]);
  if (certificate !== undefined && key !== undefined && isUsable(certificate, key, fits)) return { certificate, key };
  const made = await make();
  // A kill between the two leaves a pair that does not fit, which is then made anew.
  await Promise.all([writeWhole(paths.key, made.key, 0o600), writeWhole(paths.certificate, made.certificate, 0o644)]);
  return made;
}

function isUsable(certificate: string, key: string, fits: (certificate: X509Certificate) => boolean): boolean {
  try {
    const parsed = new X509Certificate(certificate);
    const hasTime = Date.parse(parsed.validTo) - Date.now() > RENEW_BEFORE_MS;
    return hasTime && parsed.publicKey.equals(publicKeyOf(key)) && fits(parsed);
  } catch {
    return false;
  }
}

async function ensureKey(path: string): Promise<string> {
  const found = await readIfThere(path);
  if (found !== undefined) return found;
  const made = await newKey();
  await writeWhole(path, made, 0o600);
  return made;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new NaruError("unavailable", `cannot read the cluster's key file ${path}: ${errorText(error)}`);
  }
}
