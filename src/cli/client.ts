import { HttpClient, type HttpRequest, type HttpResponse, type UpgradedStream } from "../lib/http-client.ts";
import { jsonLines } from "../lib/json-lines.ts";
import { API_VERSION, NARU_VERSION } from "../lib/version.ts";
import { CliError } from "./cli-error.ts";
import type { Endpoint } from "./endpoint.ts";

/** An error that the daemon answered; `message` is ready to be printed. */
export class ApiError extends CliError {
  constructor(
    readonly status: number,
    /** The daemon's own words. */
    readonly reason: string,
  ) {
    super(`Error response from daemon: ${reason}`);
    this.name = "ApiError";
  }
}

/** Nobody answers at the daemon's address. */
export class UnreachableError extends CliError {}

type QueryValue = string | number | boolean | readonly string[] | Record<string, readonly string[]> | undefined;

interface ApiRequest {
  /** Values by name: undefined is left out, true is `1`, false is left out, arrays repeat, filters become JSON. */
  query?: Record<string, QueryValue>;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is; give `headers` its type. */
  body?: HttpRequest["body"];
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** The Docker Engine API of one daemon. Connections open at first use and are reused. */
export class ApiClient {
  readonly host: string;
  private readonly http: HttpClient;
  private version: string;
  private readonly mayNegotiate: boolean;

  constructor(
    private readonly endpoint: Endpoint,
    private readonly program: string,
    private readonly extraHeaders: Record<string, string> = {},
  ) {
    this.host = endpoint.host;
    this.http = new HttpClient(endpoint.target);
    const wanted = process.env.DOCKER_API_VERSION?.replace(/^v/, "");
    this.version = wanted || API_VERSION;
    this.mayNegotiate = !wanted;
  }

  /** The API version in use. */
  get apiVersion(): string {
    return this.version;
  }

  /** True when the API version in use is `version` or newer. */
  isAtLeast(version: string): boolean {
    return !isOlder(this.version, version);
  }

  /** Opens connections ahead of need. */
  warm(count: number): void {
    this.http.warm(count);
  }

  /** GET, answered with JSON. */
  async get<T>(path: string, request: ApiRequest = {}): Promise<T> {
    return parseText<T>(await (await this.send("GET", path, request)).text());
  }

  /** POST, answered with JSON; undefined when the answer is empty. */
  async post<T>(path: string, request: ApiRequest = {}): Promise<T> {
    return parseJson<T>(await this.send("POST", path, request));
  }

  /** DELETE, answered with JSON; undefined when the answer is empty. */
  async delete<T>(path: string, request: ApiRequest = {}): Promise<T> {
    return parseJson<T>(await this.send("DELETE", path, request));
  }

  /** Sends a request and hands over the answer once its status is known to be good. Throws ApiError otherwise. */
  async send(method: string, path: string, request: ApiRequest = {}): Promise<HttpResponse> {
    if (this.mayNegotiate && isStream(request.body)) await this.negotiate();
    const answer = await this.reach(method, path, () => this.http.send(this.httpRequest(method, path, request)));
    if (answer.status < 400) return answer;
    if (await this.adopted(answer)) return this.send(method, path, request);
    throw await apiError(answer);
  }

  /** A stream of JSON objects, such as the progress of a pull. */
  async *sendForLines<T>(method: string, path: string, request: ApiRequest = {}): AsyncGenerator<T> {
    yield* jsonLines<T>((await this.send(method, path, request)).chunks());
  }

  /** POSTs and turns the connection into a raw stream (attach, exec). */
  async hijack(path: string, request: ApiRequest = {}): Promise<UpgradedStream> {
    const answer = await this.reach("POST", path, () => this.http.upgrade(this.httpRequest("POST", path, request)));
    if (!("status" in answer)) return answer;
    if (await this.adopted(answer)) return this.hijack(path, request);
    if (answer.status < 400) throw new CliError(`unable to upgrade to tcp, received ${answer.status}`);
    throw await apiError(answer);
  }

  /** Asks the daemon which API versions it has and goes down to its newest where that is older than ours. */
  async negotiate(): Promise<void> {
    const answer = await this.reach("HEAD", "/_ping", () => this.http.send({ method: "HEAD", path: "/_ping" }));
    const offered = answer.headers.get("api-version");
    if (offered && isOlder(offered, this.version)) this.version = offered;
  }

  close(): void {
    this.http.close();
  }

  private httpRequest(method: string, path: string, request: ApiRequest): HttpRequest {
    const isJson = request.json !== undefined;
    return {
      method,
      path: `/v${this.version}${path}${queryText(request.query)}`,
      headers: {
        "User-Agent": `naru/${NARU_VERSION} (linux)`,
        ...this.extraHeaders,
        ...(isJson && { "Content-Type": "application/json" }),
        ...request.headers,
      },
      body: isJson ? JSON.stringify(request.json) : request.body,
      signal: request.signal,
    };
  }

  /**
   * True when the answer says that our API version is too new, and the older one is adopted. So a daemon of our
   * own age costs no extra round trip.
   */
  private async adopted(answer: HttpResponse): Promise<boolean> {
    if (!this.mayNegotiate || answer.status !== 400) return false;
    const text = await answer.text();
    const offered = /client version [\d.]+ is too new\. Maximum supported API version is ([\d.]+)/.exec(text)?.[1];
    if (!offered || !isOlder(offered, this.version)) throw new ApiError(400, reasonOf(text, 400));
    this.version = offered;
    return true;
  }

  private async reach<T>(method: string, path: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      const failure = connectFailure(error, this.endpoint, this.program);
      if (failure || error instanceof CliError || (error as Error).name === "AbortError") throw failure ?? error;
      const verb = method.charAt(0) + method.slice(1).toLowerCase();
      throw new CliError(
        `error during connect: ${verb} "${this.host}/v${this.version}${path}": ${(error as Error).message}`,
      );
    }
  }
}

function isStream(body: ApiRequest["body"]): boolean {
  return typeof body === "object" && Symbol.asyncIterator in body;
}

function isOlder(a: string, b: string): boolean {
  const [aMajor = 0, aMinor = 0] = a.split(".").map(Number);
  const [bMajor = 0, bMinor = 0] = b.split(".").map(Number);
  return aMajor < bMajor || (aMajor === bMajor && aMinor < bMinor);
}

function queryText(query: Record<string, QueryValue> | undefined): string {
  if (!query) return "";
  const parts: string[] = [];
  const add = (name: string, value: string) => parts.push(`${name}=${encodeURIComponent(value)}`);
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === false) continue;
    if (value === true) add(name, "1");
    else if (Array.isArray(value)) for (const one of value) add(name, one);
    else if (typeof value === "object") addFilters(add, name, value as Record<string, readonly string[]>);
    else add(name, String(value));
  }
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}

/** Filters travel as JSON: `{"name":{"value":true}}`. */
function addFilters(
  add: (name: string, value: string) => void,
  name: string,
  filters: Record<string, readonly string[]>,
) {
  if (Object.keys(filters).length === 0) return;
  const entries = Object.entries(filters).map(([key, values]) => [
    key,
    Object.fromEntries(values.map((value) => [value, true])),
  ]);
  add(name, JSON.stringify(Object.fromEntries(entries)));
}

async function parseJson<T>(answer: HttpResponse): Promise<T> {
  const text = await answer.text();
  return text === "" ? (undefined as T) : parseText<T>(text);
}

function parseText<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new CliError(`the daemon's answer is no JSON (is it a Docker daemon?): ${(error as Error).message}`);
  }
}

async function apiError(answer: HttpResponse): Promise<ApiError> {
  return new ApiError(answer.status, reasonOf(await answer.text(), answer.status));
}

function reasonOf(text: string, status: number): string {
  try {
    const message = (JSON.parse(text) as { message?: unknown }).message;
    if (typeof message === "string" && message.trim() !== "") return message.trim();
  } catch {
    // not JSON: an old daemon or a proxy; its text is the best there is
  }
  return text.trim() || `request returned status ${status}`;
}

function connectFailure(error: unknown, endpoint: Endpoint, program: string): CliError | undefined {
  const code = (error as { code?: string }).code ?? "";
  const { host } = endpoint;
  if (["ENOENT", "ECONNREFUSED", "ENOTSOCK", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"].includes(code)) {
    if (program === "docker") {
      return new UnreachableError(`Cannot connect to the Docker daemon at ${host}. Is the docker daemon running?`);
    }
    return new UnreachableError(
      `Cannot connect to the naru daemon at ${host}. Is the naru daemon running? Start it as root with: naru daemon`,
    );
  }
  if (code === "EACCES" || code === "EPERM") {
    const advice = program === "docker" ? "" : " (be root, or a member of the socket's group)";
    return new CliError(
      `permission denied while trying to connect to the ${program} daemon socket at ${host}${advice}`,
    );
  }
  return undefined;
}
