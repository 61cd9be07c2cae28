/** Short names for contents: pod-template-hash and the names of controller revisions. */

/** No vowels and no digits that look like letters, so that no word comes about (apimachinery's rand.SafeEncodeString). */
const ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

/** FNV-1a with 32 bits. */
function fnv1a(bytes: Uint8Array, seed = 0x811c9dc5): number {
  let hash = seed;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** Each character of `text` as one of the alphabet. */
function safeEncode(text: string): string {
  let encoded = "";
  for (let i = 0; i < text.length; i++) encoded += ALPHABET[text.charCodeAt(i) % ALPHABET.length];
  return encoded;
}

/** `value` as JSON whose keys are sorted: equal values have equal texts. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : part,
  );
}

/**
 * The hash of a value, in Kubernetes' form (8 to 10 characters of a small alphabet).
 * @param collisions how often the name of this hash was taken by other content
 */
export function contentHash(value: unknown, collisions?: number): string {
  const encoder = new TextEncoder();
  let hash = fnv1a(encoder.encode(canonicalJson(value)));
  if (collisions !== undefined && collisions > 0) hash = fnv1a(encoder.encode(String(collisions)), hash);
  return safeEncode(String(hash));
}
