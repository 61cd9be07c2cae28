/** Users and their passwords: an htpasswd file with bcrypt hashes (`htpasswd -B`), read again when it changed. */
import { createHash, createHmac, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { errorText, NaruError } from "../../lib/errors.ts";
import { ChangingFile } from "./changing-file.ts";

/** A client with Basic authentication sends its password with every request; bcrypt is slow on purpose. */
const REMEMBER_MS = 5 * 60_000;
const REMEMBERED = 1000;
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;

type Hashes = ReadonlyMap<string, string>;

export class PasswordFile {
  readonly #file: ChangingFile<Hashes>;
  readonly #key = randomBytes(32);
  readonly #remembered = new Map<string, number>();

  constructor(path: string, onFault: (error: unknown) => void) {
    this.#file = new ChangingFile(path, readHashes, onFault);
  }

  /** @throws {NaruError} invalid naming file and line, when it cannot be read */
  async check(): Promise<void> {
    await this.#file.get();
  }

  async hasUser(user: string): Promise<boolean> {
    return (await this.#file.get()).has(user);
  }

  /** True when the password is that user's; takes as long for a user who is not there. */
  async verify(user: string, password: string): Promise<boolean> {
    const hashes = await this.#file.get();
    const hash = hashes.get(user);
    if (hash === undefined) {
      await Bun.password.verify(password, anyHash(hashes)).catch(() => false);
      return false;
    }
    if (!(await Bun.password.verify(password, hash))) return false;
    this.#remember(this.#proof(user, hash, password));
    return true;
  }

  /** True when this was the right password minutes ago and still is. */
  async isRemembered(user: string, password: string): Promise<boolean> {
    const hash = (await this.#file.get()).get(user);
    const until = hash === undefined ? undefined : this.#remembered.get(this.#proof(user, hash, password));
    return until !== undefined && until > performance.now();
  }

  #proof(user: string, hash: string, password: string): string {
    return createHmac("sha256", this.#key).update(`${user}\0${hash}\0${password}`).digest("base64");
  }

  /** Changes with the password, and is gone with the user: what identity tokens are bound to. */
  async fingerprint(user: string): Promise<string | undefined> {
    const hash = (await this.#file.get()).get(user);
    return hash === undefined
      ? undefined
      : createHash("sha256").update(`${user}\0${hash}`).digest("base64url").slice(0, 22);
  }

  #remember(proof: string): void {
    const oldest = this.#remembered.keys().next();
    if (this.#remembered.size >= REMEMBERED && !oldest.done) this.#remembered.delete(oldest.value);
    this.#remembered.set(proof, performance.now() + REMEMBER_MS);
  }
}

/** What an unknown user's password is compared with, at the cost that others have. */
function anyHash(hashes: Hashes): string {
  const first = hashes.values().next();
  return first.done ? "$2b$10$abcdefghijklmnopqrstuuVCvPzCqCvBcVH4ANDtHVpbbVHlIxC.." : first.value;
}

async function readHashes(path: string): Promise<Hashes> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new NaruError("invalid", `cannot read the password file ${path}: ${errorText(error)}`);
  }
  return parseHtpasswd(text, path);
}

/** @throws {NaruError} invalid naming the line: hashes other than bcrypt are weak and refused */
export function parseHtpasswd(text: string, path: string): Hashes {
  const hashes = new Map<string, string>();
  for (const [index, line] of text.split("\n").entries()) {
    const entry = line.trim();
    if (entry === "" || entry.startsWith("#")) continue;
    const colon = entry.indexOf(":");
    if (colon < 1) throw new NaruError("invalid", `${path}:${index + 1}: write USER:HASH, as htpasswd -B prints it`);
    const user = entry.slice(0, colon);
    const hash = entry.slice(colon + 1);
    if (!BCRYPT.test(hash)) {
      throw new NaruError(
        "invalid",
        `${path}:${index + 1}: the password of ${user} is not hashed with bcrypt; set it with: htpasswd -B ${path} ${user}`,
      );
    }
    hashes.set(user, hash);
  }
  return hashes;
}
