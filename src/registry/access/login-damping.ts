/**
 * Slows down guessing: after a few wrong passwords an address (and, more patiently, a user name) has to wait before its next
 * try, each time twice as long.
 */
const FREE_TRIES_PER_ADDRESS = 10;
const FREE_TRIES_PER_USER = 20;
const FIRST_WAIT_MS = 2000;
const LONGEST_WAIT_MS = 15 * 60_000;
const FORGOTTEN_AFTER_MS = 30 * 60_000;
const REMEMBERED = 10_000;

interface Tries {
  wrong: number;
  lastAt: number;
  blockedUntil: number;
}

export class LoginDamping {
  readonly #tries = new Map<string, Tries>();

  constructor(private readonly now: () => number = Date.now) {}

  /** Milliseconds that this caller must still wait; 0: it may try. */
  waitMs(address: string, user: string): number {
    const until = Math.max(0, ...keys(address, user).map((key) => this.#find(key)?.blockedUntil ?? 0));
    return Math.max(0, until - this.now());
  }

  /** Counts a try as wrong from its beginning: many at once must not all find the door open. */
  begin(address: string, user: string): void {
    const [byAddress, byUser] = keys(address, user);
    this.#count(byAddress!, FREE_TRIES_PER_ADDRESS);
    this.#count(byUser!, FREE_TRIES_PER_USER);
  }

  /**
   * The try was right after all. Only the user's count is forgotten whole: who has an account of their own must not guess
   * other people's for ever.
   */
  succeeded(address: string, user: string): void {
    const [byAddress, byUser] = keys(address, user);
    this.#tries.delete(byUser!);
    const tries = this.#find(byAddress!);
    if (tries === undefined) return;
    tries.wrong -= 1;
    if (tries.wrong < FREE_TRIES_PER_ADDRESS) tries.blockedUntil = 0;
  }

  #count(key: string, freeTries: number): void {
    const tries = this.#find(key) ?? { wrong: 0, lastAt: 0, blockedUntil: 0 };
    const now = this.now();
    tries.wrong += 1;
    tries.lastAt = now;
    const beyond = tries.wrong - freeTries;
    if (beyond >= 0) tries.blockedUntil = now + Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(beyond, 20));
    const oldest = this.#tries.keys().next();
    if (this.#tries.size >= REMEMBERED && !oldest.done) this.#tries.delete(oldest.value);
    this.#tries.delete(key);
    this.#tries.set(key, tries);
  }

  #find(key: string): Tries | undefined {
    const tries = this.#tries.get(key);
    if (tries === undefined || this.now() - Math.max(tries.lastAt, tries.blockedUntil) < FORGOTTEN_AFTER_MS)
      return tries;
    this.#tries.delete(key);
    return undefined;
  }
}

/** The user's own count is kept apart per address, so that a stranger cannot lock somebody out. */
function keys(address: string, user: string): string[] {
  return [`address ${address}`, `user ${user} at ${network(address)}`];
}

/** The /24 or /64 around an address: guessing from neighbouring addresses is one guesser. */
function network(address: string): string {
  if (address.includes(":")) return address.split(":").slice(0, 4).join(":");
  return address.split(".").slice(0, 3).join(".");
}
