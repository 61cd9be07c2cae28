/** Requests to a Kubernetes API server. */

import { CliError } from "../cli-error.ts";
import { askServer } from "./server-request.ts";

/** How a server is reached, and as whom. */
export interface ClusterAccess {
  /** Without a slash at the end. */
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Header lines of one name that must stay apart. */
  readonly repeated?: Readonly<Record<string, readonly string[]>>;
  /** Address of an HTTP proxy. */
  readonly proxy?: string;
  readonly tls: { ca?: string; cert?: string; key?: string; rejectUnauthorized?: boolean; serverName?: string };
  /** Milliseconds; 0: no limit. */
  readonly timeoutMs: number;
  /** Told of each request (-v=6). */
  trace?(line: string): void;
  /** Told of the server's warnings. */
  warn(message: string): void;
}

interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}
export interface ApiStatus {
  kind?: string;
  status?: string;
  message?: string;
  reason?: string;
  code?: number;
  details?: { name?: string; kind?: string; group?: string; causes?: StatusCause[] };
}

/** The server's refusal, in kubectl's words. */
export class KubeApiError extends CliError {
  constructor(
    readonly status: ApiStatus,
    /** What was tried, such as `error when creating "web.yaml"`. */
    readonly attempt?: string,
  ) {
    super(wordsOf(status, attempt));
  }

  get code(): number {
    return this.status.code ?? 0;
  }

  get reason(): string {
    return this.status.reason ?? "";
  }

  /** The words when others failed too. */
  get amongOthers(): string {
    return plainWords(this.status, this.attempt);
  }

  /** The same refusal with what was tried. */
  during(attempt: string): KubeApiError {
    return new KubeApiError(this.status, attempt);
  }
}

function wordsOf(status: ApiStatus, attempt: string | undefined): string {
  const { reason = "", message = "", code, details } = status;
  if (reason === "Invalid" && details?.kind) {
    const causes = (details.causes ?? []).map(({ field, message: why }) => `${field}: ${why}`);
    const list = causes.length === 1 ? `: ${causes[0]}` : causes.length > 1 ? `: \n* ${causes.join("\n* ")}` : "";
    return `The ${details.kind} "${details.name ?? ""}" is invalid${list}`;
  }
  if (reason === "Invalid" && !details?.kind && code === 422) return `The request is invalid: ${message}`;
  if (code === 401 && message === "Unauthorized") return "error: You must be logged in to the server (Unauthorized)";
  return plainWords(status, attempt);
}

function plainWords({ reason = "", message = "" }: ApiStatus, attempt: string | undefined): string {
  const prefix = attempt === undefined ? "" : `${attempt}: `;
  return `Error from server${reason === "" ? "" : ` (${reason})`}: ${prefix}${message}`;
}

interface RequestOptions {
  readonly body?: unknown;
  /** A body that is sent as it is. */
  readonly text?: string;
  readonly contentType?: string;
  readonly accept?: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly signal?: AbortSignal;
}

/** Between watches that told nothing. */
const PAUSE_MS = 500;

/** The API server, asked as one user. Failures are told in kubectl's words. */
export class KubeApi {
  constructor(readonly access: ClusterAccess) {}

  /** @throws KubeApiError, CliError when the server cannot be reached */
  async send(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    const { server, headers, timeoutMs } = this.access;
    const url = `${server}${withQuery(path, options.query)}`;
    const body = options.text ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    const signals = [options.signal, timeoutMs > 0 ? AbortSignal.timeout(timeoutMs) : undefined].filter(
      (signal) => signal !== undefined,
    );
    const startedAt = performance.now();
    let response: Response;
    try {
      response = await askServer(this.access, url, {
        method,
        headers: {
          ...headers,
          accept: options.accept ?? "application/json",
          ...(body === undefined ? {} : { "content-type": options.contentType ?? "application/json" }),
        },
        body,
        signal: signals.length === 0 ? undefined : AbortSignal.any(signals),
      });
    } catch (error) {
      options.signal?.throwIfAborted();
      throw unreachable(server, error);
    }
    this.access.trace?.(`${method} ${url} ${response.status} in ${Math.round(performance.now() - startedAt)} ms`);
    for (const warning of warningsOf(response.headers)) this.access.warn(warning);
    if (response.ok) return response;
    throw new KubeApiError(await statusOf(response));
  }

  /** The parsed answer. */
  async json<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    return (await (await this.send(method, path, options)).json()) as T;
  }

  get<T>(path: string, options: RequestOptions = {}): Promise<T> {
    return this.json<T>("GET", path, options);
  }

  /** All objects of a list. @param limit how many are asked for at once; 0 for all */
  async listAll<T>(path: string, query: RequestOptions["query"], limit: number): Promise<T[]> {
    const found: T[] = [];
    let next: string | undefined;
    do {
      type Part = { items?: T[]; metadata?: { continue?: string } };
      const part: Part = await this.get<Part>(path, { query: { ...query, limit: limit || undefined, continue: next } });
      found.push(...(part.items ?? []));
      next = part.metadata?.continue;
    } while (next);
    return found;
  }

  /** Objects of a watch, one a line. Ends when the server ends it or the signal comes. */
  async *lines<T>(path: string, options: RequestOptions = {}): AsyncGenerator<T> {
    const begun = performance.now();
    let count = 0;
    const response = await this.send("GET", path, options);
    const decoder = new TextDecoder();
    let rest = "";
    try {
      for await (const chunk of response.body ?? []) {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          if (line === "") continue;
          count++;
          yield JSON.parse(line) as T;
        }
      }
    } catch (error) {
      // --request-timeout ends a watch as the server would.
      if ((error as Error).name !== "TimeoutError" || options.signal?.aborted) throw error;
    }
    // Whoever waits asks again: a server that ends watches at once must not be asked without a pause.
    if (count === 0 && performance.now() - begun < PAUSE_MS) await Bun.sleep(PAUSE_MS);
  }
}

/** The path with those queries that are set. */
export function withQuery(path: string, query: RequestOptions["query"] = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === "" || value === false
      ? []
      : [`${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`],
  );
  return pairs.length === 0 ? path : `${path}${path.includes("?") ? "&" : "?"}${pairs.join("&")}`;
}

async function statusOf(response: Response): Promise<ApiStatus> {
  const text = await response.text();
  try {
    const status = JSON.parse(text) as ApiStatus;
    if (status.kind === "Status") return { ...status, code: response.status };
  } catch {
    // No Status object: told as it stands.
  }
  return { code: response.status, message: text.trim() || response.statusText };
}

/** `299 - "text"` of each Warning header (RFC 7234 section 5.5). */
function warningsOf(headers: Headers): string[] {
  const text = headers.get("warning");
  if (text === null) return [];
  return [...text.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, message]) => message!.replace(/\\(.)/g, "$1"));
}

function unreachable(server: string, error: unknown): CliError {
  const code = (error as { code?: string }).code ?? "";
  const host = server.replace(/^https?:\/\//, "");
  if (code === "ConnectionRefused" || code === "ECONNREFUSED") {
    return new CliError(`The connection to the server ${host} was refused - did you specify the right host or port?`);
  }
  if (error instanceof Error && error.name === "TimeoutError") {
    return new CliError(
      "Unable to connect to the server: net/http: request canceled (Client.Timeout exceeded while awaiting headers)",
    );
  }
  const message = error instanceof Error ? error.message : String(error);
  if (/certificate|self.signed|CERT/i.test(`${code} ${message}`)) {
    return new CliError(`Unable to connect to the server: tls: failed to verify certificate: ${message}`);
  }
  return new CliError(`Unable to connect to the server: ${message}`);
}
