/**
 * One GET for a probe or a hook: only the answer's head counts. By hand, because fetch would go through the daemon's proxy
 * and keep connections to containers open.
 */

import type { Socket } from "bun";
import type { HTTPGetAction } from "../../../model/kubernetes/core.ts";

const MAX_HEAD_BYTES = 64 * 1024;
const MAX_REDIRECTS = 10;

interface ProbeRequest extends Pick<HTTPGetAction, "path" | "scheme" | "httpHeaders"> {
  address: string;
  port: number;
  /** User-Agent unless a header names another. */
  agent: string;
}

interface Head {
  status: number;
  location: string | undefined;
}

/** Follows redirects to the same host. @throws Error of the connection, or the signal's reason */
export async function requestOnce(request: ProbeRequest, signal: AbortSignal): Promise<{ status: number }> {
  let current = request;
  for (let count = 0; ; count++) {
    const head = await ask(current, signal);
    const next = redirected(current, head);
    if (next === undefined) return head;
    if (count === MAX_REDIRECTS) throw new Error(`stopped after ${MAX_REDIRECTS} redirects`);
    current = next;
  }
}

function redirected(request: ProbeRequest, { status, location }: Head): ProbeRequest | undefined {
  if (![301, 302, 303, 307, 308].includes(status) || location === undefined) return undefined;
  const scheme = (request.scheme ?? "HTTP").toLowerCase();
  const url = URL.parse(location, `${scheme}://${hostText(request.address)}:${request.port}${pathOf(request)}`);
  // Another host is not the container: the redirect itself is the answer.
  if (url === null || url.hostname !== hostText(request.address)) return undefined;
  const isTls = url.protocol === "https:";
  const port = Number(url.port) || (isTls ? 443 : 80);
  return { ...request, scheme: isTls ? "HTTPS" : "HTTP", port, path: `${url.pathname}${url.search}` };
}

function pathOf({ path = "/" }: ProbeRequest): string {
  return path.startsWith("/") ? path : `/${path}`;
}

function hostText(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

function ask(request: ProbeRequest, signal: AbortSignal): Promise<Head> {
  const { address, port, scheme } = request;
  const { promise, resolve, reject } = Promise.withResolvers<Head>();
  let received = Buffer.alloc(0);
  let open: Socket | undefined;
  const leave = () => reject(signal.reason);
  const fail = (error: Error) => reject(error);
  signal.throwIfAborted();
  signal.addEventListener("abort", leave, { once: true });
  Bun.connect({
    hostname: address,
    port,
    ...(scheme === "HTTPS" ? { tls: { rejectUnauthorized: false } } : {}),
    socket: {
      open(socket) {
        open = socket;
        socket.write(printRequest(request));
      },
      data(_, chunk) {
        received = Buffer.concat([received, chunk]);
        const end = received.indexOf("\r\n\r\n");
        if (end >= 0) resolve(parseHead(received.toString("latin1", 0, end)));
        else if (received.length > MAX_HEAD_BYTES) fail(new Error("the head of the answer is too long"));
      },
      close: () => fail(new Error("the connection was closed before an answer came")),
      error: (_, error) => fail(error),
      connectError: (_, error) => fail(error),
    },
  }).catch(fail);
  return promise.finally(() => {
    signal.removeEventListener("abort", leave);
    open?.terminate();
  });
}

function printRequest(request: ProbeRequest): string {
  const headers = new Map<string, [string, string]>();
  const set = (name: string, value: string) => headers.set(name.toLowerCase(), [name, value]);
  set("Host", `${hostText(request.address)}:${request.port}`);
  set("User-Agent", request.agent);
  set("Accept", "*/*");
  for (const { name, value } of request.httpHeaders ?? []) set(name, value);
  set("Connection", "close");
  const lines = [...headers.values()]
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${pathOf(request)} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

function parseHead(text: string): Head {
  const [first = "", ...lines] = text.split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1]);
  if (!status) throw new Error(`malformed HTTP response ${JSON.stringify(first.slice(0, 80))}`);
  const location = lines
    .find((line) => /^location:/i.test(line))
    ?.slice("location:".length)
    .trim();
  return { status, location };
}
