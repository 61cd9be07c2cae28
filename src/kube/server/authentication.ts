/** Who a request comes from: a client certificate, a service account's token, or nobody in particular. */
import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { NODES, PODS, SECRETS, SERVICE_ACCOUNTS } from "../../model/kubernetes/names.ts";
import type { ResourceType } from "../../model/kubernetes/object.ts";
import type { ClusterClient } from "../contract.ts";
import { StatusError } from "../status.ts";
import type { Authorization } from "./authorization.ts";
import { ISSUER, type ServiceAccountTokens, type TokenClaims } from "./service-account-tokens.ts";
import { ANONYMOUS, AUTHENTICATED, type User } from "./user.ts";
import { TOKEN_PROTOCOL } from "./websocket-connection.ts";

/** Deleted pods keep their token for this long past the end of their grace (as Kubernetes allows). */
const ENDED_POD_LEEWAY_MS = 60_000;

export class Authentication {
  readonly #certificates = new WeakMap<object, User | null>();

  constructor(
    private readonly client: ClusterClient,
    private readonly tokens: ServiceAccountTokens,
    private readonly authorization: Authorization,
  ) {}

  /**
   * The user of a request, after impersonation.
   * @throws StatusError Unauthorized for a token that is not good; Forbidden for an impersonation that is not allowed
   */
  userOf(request: IncomingMessage): User {
    const user = this.ownUserOf(request);
    return request.headers["impersonate-user"] === undefined ? user : this.#impersonated(request, user);
  }

  /** The user of a token that is good for one of `audiences`; undefined when it is not. */
  userOfToken(token: string, audiences: readonly string[] = [ISSUER]): { user: User; audiences: string[] } | undefined {
    const claims = this.tokens.verify(token);
    if (claims === undefined || !this.#isAlive(claims)) return undefined;
    const common = audiences.filter((audience) => claims.aud.includes(audience));
    return common.length === 0 ? undefined : { user: userOfClaims(claims), audiences: common };
  }

  /** Who asks, before impersonation. @throws StatusError Unauthorized for a token that is not good */
  ownUserOf(request: IncomingMessage): User {
    const header = request.headers.authorization;
    const socketToken = tokenOfSocket(request);
    if (header !== undefined || socketToken !== undefined) {
      const token = header === undefined ? socketToken : /^Bearer +(\S+) *$/i.exec(header)?.[1];
      const found = token === undefined ? undefined : this.userOfToken(token);
      if (found === undefined) throw new StatusError("Unauthorized", "Unauthorized");
      return found.user;
    }
    return this.#certificateUser(request.socket as unknown as TLSSocket) ?? ANONYMOUS;
  }

  #certificateUser(socket: TLSSocket): User | undefined {
    const known = this.#certificates.get(socket);
    if (known !== undefined) return known ?? undefined;
    const user = readCertificate(socket);
    this.#certificates.set(socket, user ?? null);
    return user;
  }

  /** The account, and what the token is bound to, still are the same objects. */
  #isAlive({ "kubernetes.io": bound }: TokenClaims): boolean {
    const { namespace, serviceaccount, pod, node, secret } = bound;
    const has = (type: ResourceType, where: string | undefined, reference: { name: string; uid: string }) => {
      const found = this.client.informer(type).get(where, reference.name);
      if (found?.metadata.uid !== reference.uid) return false;
      const { deletionTimestamp } = found.metadata;
      return deletionTimestamp === undefined || Date.parse(deletionTimestamp) + ENDED_POD_LEEWAY_MS > Date.now();
    };
    if (!has(SERVICE_ACCOUNTS, namespace, serviceaccount)) return false;
    if (pod !== undefined) return has(PODS, namespace, pod);
    if (secret !== undefined) return has(SECRETS, namespace, secret);
    return node === undefined || has(NODES, undefined, node);
  }

  /** kubectl --as, --as-group, --as-uid and Impersonate-Extra-…: each needs the verb impersonate. */
  #impersonated({ headers, rawHeaders }: IncomingMessage, user: User): User {
    const name = String(headers["impersonate-user"]);
    const groups = rawHeaders.filter(
      (_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === "impersonate-group",
    );
    const extra: Record<string, string[]> = {};
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const key = /^impersonate-extra-(.+)$/i.exec(rawHeaders[at]!)?.[1];
      if (key === undefined) continue;
      const name = decodeURIComponent(key.toLowerCase());
      extra[name] = [...(extra[name] ?? []), rawHeaders[at + 1]!];
    }
    const uid = headers["impersonate-uid"];
    const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name);
    if (account === null) this.#mayImpersonate(user, "", "users", name);
    else this.#mayImpersonate(user, "", "serviceaccounts", account[2]!, account[1]);
    for (const group of groups) this.#mayImpersonate(user, "", "groups", group);
    if (uid !== undefined) this.#mayImpersonate(user, "authentication.k8s.io", "uids", String(uid));
    for (const [key, values] of Object.entries(extra)) {
      for (const value of values) this.#mayImpersonate(user, "authentication.k8s.io", `userextras/${key}`, value);
    }
    return {
      name,
      ...(uid === undefined ? {} : { uid: String(uid) }),
      groups: impersonatedGroups(name, account?.[1], groups),
      extra,
    };
  }

  #mayImpersonate(user: User, group: string, whole: string, name: string, namespace = ""): void {
    const [resource = "", subresource = ""] = whole.split("/", 2);
    const access = { isResource: true, path: "", verb: "impersonate", group, namespace, resource, subresource, name };
    this.authorization.check(user, access);
  }
}

/** A browser's WebSocket has no headers of its own: its token comes as a protocol. */
function tokenOfSocket({ headers }: IncomingMessage): string | undefined {
  if (headers.upgrade?.toLowerCase() !== "websocket") return undefined;
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
  const found = offered.find((name) => name.startsWith(TOKEN_PROTOCOL));
  return found === undefined ? undefined : Buffer.from(found.slice(TOKEN_PROTOCOL.length), "base64url").toString();
}

function impersonatedGroups(name: string, accountNamespace: string | undefined, groups: readonly string[]): string[] {
  if (name === ANONYMOUS.name) return groups.length === 0 ? [...ANONYMOUS.groups] : [...groups];
  const own =
    accountNamespace === undefined || groups.length > 0
      ? groups
      : ["system:serviceaccounts", `system:serviceaccounts:${accountNamespace}`];
  return own.includes(AUTHENTICATED) ? [...own] : [...own, AUTHENTICATED];
}

function userOfClaims({ sub, jti, "kubernetes.io": bound }: TokenClaims): User {
  const { namespace, serviceaccount, pod, node } = bound;
  const extra: Record<string, string[]> = { "authentication.kubernetes.io/credential-id": [`JTI=${jti}`] };
  if (pod !== undefined) {
    extra["authentication.kubernetes.io/pod-name"] = [pod.name];
    extra["authentication.kubernetes.io/pod-uid"] = [pod.uid];
  }
  if (node !== undefined) {
    extra["authentication.kubernetes.io/node-name"] = [node.name];
    extra["authentication.kubernetes.io/node-uid"] = [node.uid];
  }
  return {
    name: sub,
    uid: serviceaccount.uid,
    groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, AUTHENTICATED],
    extra,
  };
}

/** Common name and organizations of a certificate that our authority signed. */
function readCertificate(socket: TLSSocket): User | undefined {
  if (!socket.authorized) return undefined;
  const subject = socket.getPeerCertificate()?.subject as { CN?: string; O?: string | string[] } | undefined;
  if (subject?.CN === undefined) return undefined;
  const { O: organizations = [] } = subject;
  const groups = Array.isArray(organizations) ? organizations : [organizations];
  return { name: subject.CN, groups: [...groups, AUTHENTICATED] };
}
