/**
 * Tokens of service accounts: JWTs (RFC 7519) signed with ES256 (RFC 7518), with the claims that Kubernetes' bound tokens
 * carry. A token is good while its account, and the object that it is bound to, exist with the same uid.
 */
import { createPrivateKey, createPublicKey, type KeyObject, randomUUID, sign, verify } from "node:crypto";
import type { ServiceAccount } from "../../model/kubernetes/core.ts";
import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import { keyIdOf } from "./cluster-authority.ts";

/** The audience of the API server and the issuer of all tokens. */
export const ISSUER = "https://kubernetes.default.svc.cluster.local";
/** How many verified tokens are remembered: a signature costs more than everything else of a small request. */
const REMEMBERED_TOKENS = 1024;

interface Reference {
  name: string;
  uid: string;
}
export interface TokenClaims {
  iss: string;
  sub: string;
  aud: string[];
  /** Seconds since 1970. */
  iat: number;
  nbf: number;
  exp: number;
  jti: string;
  "kubernetes.io": {
    namespace: string;
    serviceaccount: Reference;
    pod?: Reference;
    node?: Reference;
    secret?: Reference;
  };
}

interface TokenWish {
  account: Stored<ServiceAccount>;
  audiences: readonly string[];
  seconds: number;
  /** The object whose end ends the token; its kind decides the claim. */
  boundTo?: Stored<KubeObject>;
  /** The node of a bound pod. */
  node?: Reference;
}

export class ServiceAccountTokens {
  readonly #privateKey: KeyObject;
  readonly #publicKey: KeyObject;
  readonly #keyId: string;
  readonly #verified = new Map<string, TokenClaims>();

  /** `key` is PEM. */
  constructor(key: string) {
    this.#privateKey = createPrivateKey(key);
    this.#publicKey = createPublicKey(this.#privateKey);
    this.#keyId = keyIdOf(key);
  }

  issue(wish: TokenWish, now = Date.now()): { token: string; claims: TokenClaims } {
    const { account, boundTo } = wish;
    const issuedAt = Math.floor(now / 1000);
    const namespace = account.metadata.namespace ?? "";
    const reference = ({ metadata }: Stored<KubeObject>): Reference => ({ name: metadata.name, uid: metadata.uid });
    const claims: TokenClaims = {
      aud: [...wish.audiences],
      exp: issuedAt + wish.seconds,
      iat: issuedAt,
      iss: ISSUER,
      jti: randomUUID(),
      "kubernetes.io": {
        namespace,
        ...(wish.node === undefined ? {} : { node: wish.node }),
        ...(boundTo === undefined ? {} : { [boundTo.kind.toLowerCase()]: reference(boundTo) }),
        serviceaccount: reference(account),
      },
      nbf: issuedAt,
      sub: `system:serviceaccount:${namespace}:${account.metadata.name}`,
    };
    return { token: this.#sign(claims), claims };
  }

  /** The claims of a token that this cluster signed and whose time is now; undefined for any other text. */
  verify(token: string, now = Date.now()): TokenClaims | undefined {
    const claims = this.#verified.get(token) ?? this.#check(token);
    if (claims === undefined) return undefined;
    const seconds = now / 1000;
    if (seconds >= claims.exp || seconds < claims.nbf - 60) {
      this.#verified.delete(token);
      return undefined;
    }
    return claims;
  }

  /** The key that others verify tokens with, as a JSON web key (RFC 7517). */
  webKey(): Record<string, unknown> {
    return { use: "sig", alg: "ES256", kid: this.#keyId, ...this.#publicKey.export({ format: "jwk" }) };
  }

  #sign(claims: TokenClaims): string {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const text = `${part({ alg: "ES256", kid: this.#keyId })}.${part(claims)}`;
    const signature = sign("sha256", Buffer.from(text), { key: this.#privateKey, dsaEncoding: "ieee-p1363" });
    return `${text}.${signature.toString("base64url")}`;
  }

  #check(token: string): TokenClaims | undefined {
    const [header, payload, signature, ...rest] = token.split(".");
    if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) return undefined;
    try {
      // The algorithm is ours, whatever the header says.
      const { alg } = JSON.parse(Buffer.from(header, "base64url").toString()) as { alg?: unknown };
      if (alg !== "ES256") return undefined;
      const signed = Buffer.from(`${header}.${payload}`);
      const key = { key: this.#publicKey, dsaEncoding: "ieee-p1363" as const };
      if (!verify("sha256", signed, key, Buffer.from(signature, "base64url"))) return undefined;
      const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as TokenClaims;
      if (this.#verified.size >= REMEMBERED_TOKENS) this.#verified.delete(this.#verified.keys().next().value!);
      this.#verified.set(token, claims);
      return claims;
    } catch {
      return undefined;
    }
  }
}
