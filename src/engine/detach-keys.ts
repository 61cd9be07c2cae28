/** The key sequence with which a terminal user leaves a container running. */
import { NaruError } from "../lib/errors.ts";

export const DEFAULT_DETACH_KEYS = "ctrl-p,ctrl-q";

/** "ctrl-p,ctrl-q" or "a,b" as bytes. @throws {NaruError} invalid */
export function parseDetachKeys(text: string): Uint8Array {
  const bytes = text.split(",").map((key) => {
    if (key.length === 1) return key.charCodeAt(0);
    const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1];
    if (control === undefined) throw new NaruError("invalid", `Invalid detach keys (${text}) provided`);
    return control.toUpperCase().charCodeAt(0) & 0x1f;
  });
  return Uint8Array.from(bytes);
}

/** Watches typed bytes for the sequence; what turns out not to be part of it comes through unchanged. */
export class DetachKeyScanner {
  #matched = 0;

  constructor(readonly keys: Uint8Array) {}

  /** What to pass on of `chunk`, and whether the sequence is complete (what follows it is dropped). */
  scan(chunk: Uint8Array): { passed: Uint8Array; isDetached: boolean } {
    if (this.keys.length === 0) return { passed: chunk, isDetached: false };
    const passed: number[] = [];
    for (const byte of chunk) {
      if (byte !== this.keys[this.#matched]) {
        for (let i = 0; i < this.#matched; i++) passed.push(this.keys[i]!);
        this.#matched = 0;
      }
      if (byte === this.keys[this.#matched]) {
        this.#matched++;
        if (this.#matched === this.keys.length) return { passed: Uint8Array.from(passed), isDetached: true };
      } else {
        passed.push(byte);
      }
    }
    return { passed: Uint8Array.from(passed), isDetached: false };
  }
}
