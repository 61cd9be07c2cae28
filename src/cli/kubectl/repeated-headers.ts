/** Requests with several header lines of one name, which fetch would join to one. */

import { request as plainRequest } from "node:http";
import { request as secureRequest } from "node:https";
import { Readable } from "node:stream";
import type { ClusterAccess } from "./kube-api.ts";

interface RepeatedRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Lines of their own. */
  readonly repeated: Readonly<Record<string, readonly string[]>>;
  readonly body: string | Readable | undefined;
  readonly tls: ClusterAccess["tls"];
  readonly signal: AbortSignal | undefined;
}

/** As fetch does it. @throws Error with the code of the failed connection */
export function fetchRepeated(url: string, asked: RepeatedRequest): Promise<Response> {
  const { serverName, ...tls } = asked.tls;
  const isSecure = url.startsWith("https:");
  const repeated = Object.fromEntries(Object.entries(asked.repeated).map(([name, values]) => [name, [...values]]));
  return new Promise((resolve, reject) => {
    const sent = (isSecure ? secureRequest : plainRequest)(
      url,
      {
        method: asked.method,
        headers: { ...asked.headers, ...repeated },
        ...(isSecure ? tls : {}),
        ...(isSecure && serverName ? { servername: serverName } : {}),
        ...(asked.signal === undefined ? {} : { signal: asked.signal }),
      },
      (answer) => {
        const headers = new Headers();
        for (let at = 0; at < answer.rawHeaders.length; at += 2) {
          headers.append(answer.rawHeaders[at]!, answer.rawHeaders[at + 1]!);
        }
        const status = answer.statusCode ?? 0;
        const body = [204, 304].includes(status) ? null : (Readable.toWeb(answer) as ReadableStream<Uint8Array>);
        resolve(new Response(body, { status, statusText: answer.statusMessage ?? "", headers }));
      },
    );
    sent.on("error", reject);
    if (asked.body instanceof Readable) asked.body.on("error", (error) => sent.destroy(error)).pipe(sent);
    else sent.end(asked.body);
  });
}
