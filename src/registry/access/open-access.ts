/** Makes the registry's access control out of its settings. */
import type { AccessSettings, OutsideTokenSettings, WhoMayEnter } from "../config/access-settings.ts";
import { readYamlFile } from "../config/yaml-file.ts";
import type { AccessControl, RequestOrigin } from "../contract.ts";
import { ChangingFile } from "./changing-file.ts";
import { Login } from "./login.ts";
import { PasswordFile } from "./password-file.ts";
import { RegistryAccess } from "./registry-access.ts";
import { parseRights, type Rights, simpleRights } from "./rights.ts";
import { TokenIssuer } from "./token-issuer.ts";
import { openTokenKey, type TokenKey } from "./token-key.ts";
import { rememberTokens } from "./token-memory.ts";
import { TokenService } from "./token-service.ts";
import { readTrustedKeys, verifyToken } from "./token-verifier.ts";

interface AccessContext {
  root: string;
  /** The registry's address as the client of this request reaches it. */
  externalUrl(origin: RequestOrigin): string;
  warn(message: string, fields: Record<string, unknown>): void;
  loginRefused(): void;
}

interface OpenedAccess {
  /** Undefined: everyone may do everything. */
  control: AccessControl | undefined;
  /** naru's own accounts; undefined with an outside token service. */
  accounts: Accounts | undefined;
}

export interface Accounts {
  login: Login;
  rights(): Promise<Rights>;
  hasUser(user: string): Promise<boolean>;
  tokenService: TokenService;
  key: TokenKey;
}

/** @throws {NaruError} invalid naming the file that cannot be used */
export async function openAccess(settings: WhoMayEnter, context: AccessContext): Promise<OpenedAccess> {
  if (settings.kind === "everyone") return { control: undefined, accounts: undefined };
  if (settings.kind === "outside") return { control: await outsideAccess(settings.outside), accounts: undefined };
  return await ownAccess(settings.own, context);
}

async function outsideAccess(settings: OutsideTokenSettings): Promise<AccessControl> {
  const { realm, service, issuer } = settings;
  const keys = await readTrustedKeys(settings);
  return new RegistryAccess({
    verifyToken: rememberTokens((token) => verifyToken(token, { issuer, audience: service, keys })),
    challenge: { scheme: "bearer", realm: () => realm, service },
  });
}

async function ownAccess(settings: AccessSettings, context: AccessContext): Promise<OpenedAccess> {
  const { issuer, service, tokenMs } = settings;
  const told = (file: string) => (error: unknown) =>
    context.warn(`the changed ${file} was refused; what was read before stays in force`, { reason: String(error) });
  const passwords = new PasswordFile(settings.htpasswd, told("password file"));
  const rights = openRights(settings, told("rights file"));
  // Faults are told at the start, not by the first login.
  await passwords.check();
  await rights();
  const key = await openTokenKey(context.root);
  const tokens = new TokenIssuer(key, { issuer, service, tokenSeconds: Math.round(tokenMs / 1000) }, rights, passwords);
  const login = new Login(passwords, ({ user, remoteAddress }) => {
    context.loginRefused();
    context.warn("wrong password", { user, address: remoteAddress });
  });
  const isBearer = settings.challenge === "bearer";
  const control = new RegistryAccess({
    login,
    rights,
    verifyToken: isBearer ? rememberTokens((token) => tokens.verify(token)) : undefined,
    challenge: isBearer
      ? { scheme: "bearer", realm: (origin) => `${context.externalUrl(origin)}/token`, service }
      : { scheme: "basic", realm: service },
  });
  const tokenService = new TokenService(tokens, login, settings.otherServices);
  const hasUser = (user: string) => passwords.hasUser(user);
  return { control, accounts: { login, rights, hasUser, tokenService, key } };
}

function openRights(settings: AccessSettings, onFault: (error: unknown) => void): () => Promise<Rights> {
  if (settings.rights === undefined) {
    const rights = simpleRights({ anonymousPull: settings.anonymousPull });
    return async () => rights;
  }
  const file = new ChangingFile(settings.rights, (path) => readYamlFile(path, parseRights), onFault);
  return () => file.get();
}
