/** The section "access" of the registry's configuration. */
import { NaruError } from "../../lib/errors.ts";
import { asText, type SettingReader, wrong } from "./setting-reader.ts";

const DEFAULT_SERVICE = "naru-registry";
const DEFAULT_LIFETIME_MS = 5 * 60_000;
const SHORTEST_LIFETIME_MS = 60_000;

export interface AccessSettings {
  /** Users and bcrypt hashes. */
  htpasswd: string;
  /** Undefined: users may do everything. */
  rights: string | undefined;
  /** Without a rights file: whether callers without a login may pull. */
  anonymousPull: boolean;
  challenge: "bearer" | "basic";
  issuer: string;
  service: string;
  tokenMs: number;
  /** Other registries for which this one gives tokens. */
  otherServices: string[];
}

/** Tokens of somebody else's service, named as in docker-registry's configuration (auth.token). */
export interface OutsideTokenSettings {
  realm: string;
  service: string;
  issuer: string;
  rootCertBundle: string | undefined;
  jwks: string | undefined;
}

export type WhoMayEnter =
  | { kind: "everyone" }
  | { kind: "own"; own: AccessSettings }
  | { kind: "outside"; outside: OutsideTokenSettings };

/** @throws {NaruError} invalid naming the key */
export function parseAccess(section: SettingReader): WhoMayEnter {
  const outside = section.has("outsideTokens") ? parseOutside(section.section("outsideTokens")) : undefined;
  const own = {
    htpasswd: section.text("htpasswd"),
    rights: section.text("rights"),
    anonymousPull: section.bool("anonymousPull"),
    challenge: section.oneOf("challenge", ["bearer", "basic"]) ?? "bearer",
    ...parseOwnTokens(section.section("tokens")),
  } as const;
  section.done();
  if (outside !== undefined) {
    if (own.htpasswd !== undefined || own.rights !== undefined || own.anonymousPull !== undefined) {
      throw new NaruError(
        "invalid",
        "access: with outsideTokens the token service decides; leave out htpasswd, rights and anonymousPull",
      );
    }
    return { kind: "outside", outside };
  }
  if (own.htpasswd === undefined) {
    if (own.rights === undefined && own.anonymousPull === undefined) return { kind: "everyone" };
    throw new NaruError(
      "invalid",
      "access.htpasswd is missing: rights need users; make the file with: htpasswd -B -c FILE USER",
    );
  }
  if (own.rights !== undefined && own.anonymousPull !== undefined) {
    throw new NaruError("invalid", "access.anonymousPull: with a rights file, write the right of 'anonymous' there");
  }
  return { kind: "own", own: { ...own, htpasswd: own.htpasswd, anonymousPull: own.anonymousPull ?? false } };
}

function parseOwnTokens(section: SettingReader) {
  const service = section.text("service") ?? DEFAULT_SERVICE;
  const tokenMs = section.duration("lifetime") ?? DEFAULT_LIFETIME_MS;
  // Docker's clients take a token for at least a minute, whatever it says.
  if (tokenMs < SHORTEST_LIFETIME_MS) throw wrong(section.pathOf("lifetime"), `${tokenMs} ms`, "at least 60s");
  const tokens = {
    service,
    issuer: section.text("issuer") ?? service,
    tokenMs,
    otherServices: section.texts("otherServices") ?? [],
  };
  section.done();
  return tokens;
}

function parseOutside(section: SettingReader): OutsideTokenSettings {
  const outside = {
    realm: section.required("realm", asText),
    service: section.required("service", asText),
    issuer: section.required("issuer", asText),
    rootCertBundle: section.text("rootcertbundle"),
    jwks: section.text("jwks"),
  };
  section.done();
  if (outside.rootCertBundle === undefined && outside.jwks === undefined) {
    throw new NaruError(
      "invalid",
      `${section.pathOf("rootcertbundle")} or jwks is missing: tokens need a key to be checked with`,
    );
  }
  return outside;
}
