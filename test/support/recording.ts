/**
 * The same Engine API requests, asked of a real Docker once (scripts/record-docker.ts keeps its replies in
 * test/e2e/recorded/) and of naru in every test run. What differs from run to run (ids, times, addresses, sizes) is
 * replaced by its kind, so that what is compared is names, types, nulls, zero times, sort orders, status codes and texts.
 */
export interface Step {
  /** Unique within its scenario; names the reply. */
  name: string;
  method: string;
  /** May hold {captured} words and starts with "/". */
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  /** Keeps a field of the JSON reply for later steps: {word: "Id"}. */
  capture?: Record<string, string>;
  /** JSON paths ("Config.Env", "[].Ports", "*" for any key) of which only the type is compared; the reason is the value. */
  typeOnly?: Record<string, string>;
  /** JSON paths where naru answers something else than docker, on purpose: what, and why. Docker's value is kept in the record. */
  differs?: Record<string, { naru: unknown; why: string; notInDocker?: true }>;
  /** Milliseconds to wait before asking. */
  delayMs?: number;
  /** The reply is a stream of JSON lines or raw text: compare as text lines. */
  stream?: boolean;
}
export interface Scenario {
  name: string;
  steps: Step[];
}
export interface Reply {
  status: number;
  contentType: string;
  body: unknown;
}

type Ask = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Response>;

/** Plays a scenario and yields each step's normalised reply. */
export async function play(scenario: Scenario, ask: Ask): Promise<Map<string, Reply>> {
  const captured: Record<string, string> = {};
  const fill = (text: string) => text.replace(/\{(\w+)\}/g, (whole, word: string) => captured[word] ?? whole);
  const replies = new Map<string, Reply>();
  for (const step of scenario.steps) {
    if (step.delayMs) await Bun.sleep(step.delayMs);
    const body = step.body === undefined ? undefined : JSON.parse(fill(JSON.stringify(step.body)));
    const response = await ask(step.method, fill(step.path), body, step.headers);
    const text = await response.text();
    const contentType = response.headers.get("content-type") ?? "";
    let parsed: unknown = text;
    if (contentType.includes("json") && !step.stream) {
      try {
        parsed = JSON.parse(text);
      } catch {
        parsed = text;
      }
    }
    for (const [word, field] of Object.entries(step.capture ?? {})) {
      captured[word] = String((parsed as Record<string, unknown>)[field] ?? "");
    }
    replies.set(step.name, { status: response.status, contentType, body: normalise(parsed, step, []) });
  }
  return replies;
}

const SUBSTITUTIONS: [RegExp, string][] = [
  [/sha256:[0-9a-f]{64}/g, "<digest>"],
  [/\b[0-9a-f]{64}\b/g, "<id>"],
  [/\b[0-9a-f]{12}\b/g, "<short-id>"],
  [/\b(?!0001-01-01T00:00:00Z)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, "<time>"],
  [/\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, "<mac>"],
  [/\b(172|192)\.\d+\.\d+\.\d+\b/g, "<address>"],
  [/(\/[\w.-]+)*\/(containers|layers|volumes|overlay2|netns|snapshots)\/(?=[^\s"])/g, "<root>/$2/"],
];

/** Numbers that are another in every run: process ids, Unix times, bytes on disk. Zero and less are compared as they are. */
const RUNNING_NUMBERS = new Set(["Pid", "Created", "Size", "size"]);

/** Docker's recorded reply with the stated differences put in. @throws when a difference's path is not in the record */
export function expectedOfNaru(recorded: Reply, step: Step): Reply {
  const body = structuredClone(recorded.body);
  for (const [pattern, { naru, notInDocker = false }] of Object.entries(step.differs ?? {})) {
    if (!replaceAt(body, pattern.split("."), naru, notInDocker))
      throw new Error(`${step.name}: docker's reply has no ${pattern}`);
  }
  return { ...recorded, body };
}

/** True when something was there to be replaced, or was not and should not be. */
function replaceAt(value: unknown, [first, ...rest]: string[], naru: unknown, isNew: boolean): boolean {
  if (value === null || typeof value !== "object" || first === undefined) return false;
  const holder = value as Record<string, unknown>;
  const isThere = Object.hasOwn(holder, first) !== (isNew && rest.length === 0);
  const keys = first === "[]" || first === "*" ? Object.keys(holder) : isThere ? [first] : [];
  let found = false;
  for (const key of keys) {
    if (rest.length > 0) found = replaceAt(holder[key], rest, naru, isNew) || found;
    else {
      holder[key] = naru;
      found = true;
    }
  }
  return found;
}

function matches(pattern: string, path: string[]): boolean {
  const parts = pattern.split(".");
  return parts.length === path.length && parts.every((part, i) => part === "*" || part === path[i]);
}

/** Replaces what differs between two honest engines by its kind. Arrays appear in paths as "[]". */
function normalise(value: unknown, step: Step, path: string[]): unknown {
  if (Object.keys(step.typeOnly ?? {}).some((pattern) => matches(pattern, path))) return `<${typeName(value)}>`;
  if (typeof value === "number" && value > 0 && RUNNING_NUMBERS.has(path.at(-1) ?? "")) return "<positive>";
  if (typeof value === "string") {
    return SUBSTITUTIONS.reduce((text, [pattern, word]) => text.replace(pattern, word), value);
  }
  if (Array.isArray(value)) return value.map((item) => normalise(item, step, [...path, "[]"]));
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).map(([key, item]) => {
      const shownKey = /^[0-9a-f]{64}$/.test(key) ? "<id>" : key;
      return [shownKey, normalise(item, step, [...path, shownKey])] as const;
    });
    return Object.fromEntries(entries);
  }
  return value;
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
