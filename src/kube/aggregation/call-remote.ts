/** One request to the server behind an APIService, as the aggregator: its certificate says that the named user may be believed. */

import type { IncomingMessage } from "node:http";
import https from "node:https";
import type { APIService } from "../../model/kubernetes/apiregistration.ts";
import type { ClusterClient } from "../contract.ts";
import type { User } from "../machinery/admission.ts";
import { placeOfService } from "../service-place.ts";

/** The certificate that servers behind the aggregator ask for, and its key (PEM). */
export interface ProxyIdentity {
  readonly certificate: string;
  readonly key: string;
}

interface RemoteRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly user: User;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Sent as it comes. */
  readonly body?: NodeJS.ReadableStream;
  readonly signal: AbortSignal;
}

/** @returns the answer, with its body to be read @throws Error in words when there is nobody who could answer */
export async function callRemote(
  client: ClusterClient,
  identity: ProxyIdentity,
  { spec }: APIService,
  request: RemoteRequest,
): Promise<IncomingMessage> {
  const { namespace = "", name = "", port } = spec?.service ?? {};
  const { host, serverName } = placeOfService(client, { namespace, name, ...(port === undefined ? {} : { port }) });
  const { caBundle, insecureSkipTLSVerify } = spec ?? {};
  const [hostname, number] = splitPort(host);
  return await new Promise((resolve, reject) => {
    const sent = https.request(
      {
        host: hostname,
        port: number,
        method: request.method,
        path: request.path,
        headers: { ...request.headers, ...userHeaders(request.user), host: serverName } as Record<string, string>,
        signal: request.signal,
        servername: serverName,
        cert: identity.certificate,
        key: identity.key,
        rejectUnauthorized: insecureSkipTLSVerify !== true,
        ...(caBundle ? { ca: Buffer.from(caBundle, "base64").toString() } : {}),
      },
      resolve,
    );
    sent.on("error", reject);
    if (request.body === undefined) sent.end();
    else request.body.pipe(sent);
  });
}

function splitPort(host: string): [string, number] {
  const colon = host.lastIndexOf(":");
  return [host.slice(0, colon).replace(/^\[|\]$/g, ""), Number(host.slice(colon + 1))];
}

/** Who asks, in the headers that the ConfigMap kube-system/extension-apiserver-authentication names. */
function userHeaders({ name, uid, groups, extra }: User): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { "X-Remote-User": name, "X-Remote-Group": [...groups] };
  if (uid !== undefined) headers["X-Remote-Uid"] = uid;
  for (const [key, values] of Object.entries(extra ?? {})) {
    headers[`X-Remote-Extra-${encodeURIComponent(key)}`] = [...values];
  }
  return headers;
}
