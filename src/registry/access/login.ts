/** Proves who a caller is by its password, slowly for those who guess. */
import { AccessRefused } from "./access-refused.ts";
import { LoginDamping } from "./login-damping.ts";
import type { PasswordFile } from "./password-file.ts";

interface PasswordLogin {
  user: string;
  password: string;
}

/** The user and password of an Authorization header; undefined when it holds none. */
export function parseBasic(authorization: string | undefined): PasswordLogin | undefined {
  const match = /^basic +([A-Za-z0-9+/=_-]+)$/i.exec(authorization ?? "");
  if (match === null) return undefined;
  const text = Buffer.from(match[1]!, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

export class Login {
  readonly #damping = new LoginDamping();

  constructor(
    private readonly passwords: PasswordFile,
    private readonly onRefused: (login: { user: string; remoteAddress: string }) => void = () => {},
  ) {}

  /** @throws {AccessRefused} unavailable with a time to wait, after too many wrong passwords */
  async check({ user, password }: PasswordLogin, remoteAddress: string): Promise<boolean> {
    const waitMs = this.#damping.waitMs(remoteAddress, user);
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1000);
      throw new AccessRefused("unavailable", `too many wrong passwords: try again in ${seconds} s`, {
        retryAfterSeconds: seconds,
      });
    }
    if (await this.passwords.isRemembered(user, password)) return true;
    this.#damping.begin(remoteAddress, user);
    if (await this.passwords.verify(user, password)) {
      this.#damping.succeeded(remoteAddress, user);
      return true;
    }
    this.onRefused({ user, remoteAddress });
    return false;
  }
}
