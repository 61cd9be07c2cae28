/** Words for connections that fail, as docker's users know them from Go's network library. */
import { NaruError } from "../lib/errors.ts";

/** A request that got no answer, or half of one. Trying again may help when `isPassing`. */
export class ConnectionError extends NaruError {
  constructor(
    message: string,
    /** False: nobody listens there, or the certificate is not accepted; the next try would end the same way. */
    readonly isPassing: boolean,
    /** The other side speaks plain HTTP, is absent, or shows an unknown certificate. */
    readonly mayBePlain: boolean,
    cause: unknown,
  ) {
    super("unavailable", message, { cause });
    this.name = "ConnectionError";
  }
}

const UNKNOWN_AUTHORITY = new Set([
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);
const CERTIFICATE_WORDS: Record<string, string> = {
  ERR_TLS_CERT_ALTNAME_INVALID: "x509: certificate is not valid for this host",
  CERT_HAS_EXPIRED: "x509: certificate has expired or is not yet valid",
  CERT_NOT_YET_VALID: "x509: certificate has expired or is not yet valid",
};
const BROKEN = new Set(["ECONNRESET", "EPIPE", "ERR_STREAM_PREMATURE_CLOSE", "ConnectionClosed"]);

/** What fetch threw for `method` on `url`, as an error for the user. */
export function connectionError(thrown: unknown, method: string, url: URL): ConnectionError {
  const { code = "", message = "" } = (thrown ?? {}) as { code?: string; message?: string };
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  const address = `${url.hostname}:${port}`;
  const verb = method.charAt(0) + method.slice(1).toLowerCase();
  const fail = (words: string, isPassing: boolean, mayBePlain = false) =>
    new ConnectionError(`${verb} "${url.href}": ${words}`, isPassing, mayBePlain, thrown);
  if (code === "ECONNREFUSED") return fail(`dial tcp ${address}: connect: connection refused`, false, true);
  if (code === "ENOTFOUND") return fail(`dial tcp: lookup ${url.hostname}: no such host`, false, true);
  if (code === "EAI_AGAIN") return fail(`dial tcp: lookup ${url.hostname}: ${message}`, true, true);
  if (code === "ENETUNREACH") return fail(`dial tcp ${address}: connect: network is unreachable`, false, true);
  if (code === "EHOSTUNREACH") return fail(`dial tcp ${address}: connect: no route to host`, false, true);
  if (UNKNOWN_AUTHORITY.has(code)) {
    return fail(
      `tls: failed to verify certificate: x509: certificate signed by unknown authority (put the authority's ` +
        `certificate at /etc/naru/certs.d/${url.host}/ca.crt, or name the registry in insecure-registries)`,
      false,
      true,
    );
  }
  const certificate = CERTIFICATE_WORDS[code];
  if (certificate !== undefined) return fail(`tls: failed to verify certificate: ${certificate}`, false, true);
  if (code === "EPROTO") return fail("http: server gave HTTP response to HTTPS client", false, true);
  if (code === "ERR_PROXY_TUNNEL") return fail(`proxyconnect tcp: ${message}`, false);
  if (code === "ETIMEDOUT" || code === "ConnectTimeout") return fail(`dial tcp ${address}: i/o timeout`, true, true);
  if (BROKEN.has(code)) return fail("unexpected EOF", true, true);
  return fail(message || code || "the connection failed", true, true);
}

/** A server that keeps its connection open and says nothing. */
export function timeoutError(method: string, url: URL, seconds: number): ConnectionError {
  const verb = method.charAt(0) + method.slice(1).toLowerCase();
  const words = `${verb} "${url.href}": no data for ${seconds} seconds: i/o timeout`;
  return new ConnectionError(words, true, false, undefined);
}
