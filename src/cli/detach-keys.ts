const DEFAULT_KEYS = "ctrl-p,ctrl-q";

/** The bytes of a key sequence such as `ctrl-p,ctrl-q` or `ctrl-a,d`. Throws an Error for unknown keys. */
export function parseDetachKeys(text: string): Uint8Array {
  const keys = (text || DEFAULT_KEYS).split(",").map((key) => {
    const control = /^ctrl-([a-zA-Z@[\\\]^_])$/.exec(key)?.[1];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
    if (key === "DEL") return 127;
    if (key.length === 1) return key.charCodeAt(0);
    throw new Error(`Unknown character: '${key}'`);
  });
  return Uint8Array.from(keys);
}

/** Watches what is typed for the keys that detach from a container; they are not sent on. */
export class DetachFilter {
  private matched = 0;

  constructor(private readonly keys: Uint8Array) {}

  /** The bytes to send on, and whether the sequence is complete. A sequence begun is held back until it fails. */
  feed(typed: Uint8Array): { bytes: Uint8Array; isDetached: boolean } {
    const out: number[] = [];
    for (const byte of typed) {
      if (byte !== this.keys[this.matched] && this.matched > 0) {
        out.push(...this.keys.subarray(0, this.matched));
        this.matched = 0;
      }
      if (byte !== this.keys[this.matched]) {
        out.push(byte);
        continue;
      }
      this.matched++;
      if (this.matched === this.keys.length) {
        this.matched = 0;
        return { bytes: Uint8Array.from(out), isDetached: true };
      }
    }
    return { bytes: Uint8Array.from(out), isDetached: false };
  }
}
