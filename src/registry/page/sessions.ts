/**
 * Who looks at the page: a random name in a cookie, behind which a login may stand. Forms carry a proof made from that name, so
 * that no other site can send them.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const COOKIE = "naru_page";
const IDLE_MS = 12 * 3_600_000;
const MOST_LOGINS = 10_000;

export interface PageSession {
  id: string;
  /** Empty: nobody is logged in. */
  user: string;
  /** To be sent with the answer when the browser has none yet. */
  isNew: boolean;
}

export class Sessions {
  readonly #key = randomBytes(32);
  readonly #logins = new Map<string, { user: string; usedAt: number }>();

  of(request: Request): PageSession {
    const cookies = request.headers.get("cookie") ?? "";
    const id = new RegExp(`(?:^|; *)${COOKIE}=([A-Za-z0-9_-]{32})`).exec(cookies)?.[1];
    if (id === undefined) return { id: newId(), user: "", isNew: true };
    const login = this.#logins.get(id);
    if (login === undefined) return { id, user: "", isNew: false };
    if (Date.now() - login.usedAt > IDLE_MS) {
      this.#logins.delete(id);
      return { id, user: "", isNew: false };
    }
    login.usedAt = Date.now();
    return { id, user: login.user, isNew: false };
  }

  /** A login gets a new name: one that was known before it must be worth nothing after it. */
  logIn(user: string): PageSession {
    const id = newId();
    const oldest = this.#logins.keys().next();
    if (this.#logins.size >= MOST_LOGINS && !oldest.done) this.#logins.delete(oldest.value);
    this.#logins.set(id, { user, usedAt: Date.now() });
    return { id, user, isNew: true };
  }

  logOut(id: string): void {
    this.#logins.delete(id);
  }

  /** What a form of this session must carry. */
  formProof(session: PageSession): string {
    return createHmac("sha256", this.#key).update(session.id).digest("base64url");
  }

  isProof(session: PageSession, given: string): boolean {
    const wanted = Buffer.from(this.formProof(session));
    const proof = Buffer.from(given);
    return !session.isNew && wanted.length === proof.length && timingSafeEqual(wanted, proof);
  }

  cookie(session: PageSession, isSecure: boolean): string {
    return `${COOKIE}=${session.id}; Path=/; HttpOnly; SameSite=Strict${isSecure ? "; Secure" : ""}`;
  }
}

function newId(): string {
  return randomBytes(24).toString("base64url");
}
