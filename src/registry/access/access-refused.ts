import { NaruError } from "../../lib/errors.ts";

/** A request that may not be done: what the HTTP edge needs beside the words. */
export class AccessRefused extends NaruError {
  constructor(
    kind: "unauthorized" | "forbidden" | "unavailable",
    message: string,
    /** For WWW-Authenticate, with 401. `retryAfterSeconds` makes it a 429 (TOOMANYREQUESTS). */
    readonly answer: { challenge?: string; retryAfterSeconds?: number } = {},
  ) {
    super(kind, message);
    this.name = "AccessRefused";
  }
}
