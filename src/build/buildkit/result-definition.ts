/**
 * Results that clients hand from one build to the next (bake's `target:` contexts). BuildKit gives a graph of operations for
 * that; naru gives one of a single operation, which names the build whose result is meant.
 */
import { createHash } from "node:crypto";
import { operation, type WireDefinition } from "./messages.ts";

const SCHEME = "naru-result://";

/** The source, and a last operation without a kind that says what the result is. */
export function definitionOf(resultId: string): WireDefinition {
  const source = operation.encode({ source: { identifier: SCHEME + resultId } });
  const digest = digestOf(source);
  const last = operation.encode({ inputs: [{ digest, index: 0 }] });
  return { def: [source, last], metadata: { [digest]: {}, [digestOf(last)]: {} }, Source: {} };
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Undefined for a graph of the client's own. */
export function resultIdOf({ def }: WireDefinition): string | undefined {
  if (def.length > MAX_OPERATIONS) return undefined;
  for (const bytes of def) {
    const { source } = operation.decode(bytes);
    if (source?.identifier.startsWith(SCHEME)) return source.identifier.slice(SCHEME.length);
  }
  return undefined;
}

const MAX_OPERATIONS = 2;
