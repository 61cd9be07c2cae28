/** The record of a request in the audit log, as the API server sees the request. */
import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import type { Audit } from "../audit/audit.ts";
import type { AuditRecord } from "../audit/audit-record.ts";
import { isStatus } from "../status.ts";
import type { ApiExchange } from "./api-exchange.ts";
import type { Authentication } from "./authentication.ts";
import { jsonBody } from "./media-type.ts";
import type { RequestAttributes } from "./request-attributes.ts";
import type { User } from "./user.ts";

/** Who shows no proof, or a bad one, is nobody. */
const NOBODY: User = { name: "", groups: [] };

interface Audited {
  readonly audit: Audit;
  readonly authentication: Authentication;
  readonly exchange: ApiExchange;
  readonly attributes: RequestAttributes;
  /** After impersonation; undefined when nobody knows. */
  readonly user: User | undefined;
  readonly isLong: boolean;
}

/** Undefined: the policy wants nothing told. The record hears of the rest of the exchange by itself. */
export function beginAudit({
  audit,
  authentication,
  exchange,
  attributes,
  user,
  isLong,
}: Audited): AuditRecord | undefined {
  const { request } = exchange;
  const isImpersonated = user !== undefined && request.headers["impersonate-user"] !== undefined;
  // Also of an impersonation that is refused it is told who tried.
  const asker = user !== undefined && !isImpersonated ? user : askerOf(authentication, request);
  const given = exchange.header("audit-id");
  const id = given !== undefined && /^[\w.-]{1,128}$/.test(given) ? given : crypto.randomUUID();
  const record = audit.begin({
    id,
    url: request.url ?? "",
    user: asker,
    impersonated: isImpersonated ? user : undefined,
    addresses: addressesOf(exchange),
    userAgent: exchange.header("user-agent"),
    request: attributes,
    isLong,
  });
  if (record === undefined) return undefined;
  exchange.addHeaders({ "Audit-Id": id });
  exchange.observe({
    received: (body) => record.received(() => readable(exchange.header("content-type"), body)),
    started: (status) => record.started(status),
    sent: (status, body) => record.sent(status, body),
  });
  return record;
}

/** Who asks, before impersonation. */
function askerOf(authentication: Authentication, request: IncomingMessage): User {
  try {
    return authentication.ownUserOf(request);
  } catch (error) {
    if (!isStatus(error, "Unauthorized")) throw error;
    return NOBODY;
  }
}

/** Patches have types of their own, and are JSON or YAML. */
function readable(contentType: string | undefined, body: Buffer): string {
  const isPatch = /^application\/(.+-patch)\+(json|yaml)/.exec(contentType ?? "");
  return jsonBody(isPatch === null ? contentType : `application/${isPatch[2]}`, body);
}

/** Those that proxies name, then the one that is connected. */
function addressesOf(exchange: ApiExchange): string[] {
  const named = (exchange.header("x-forwarded-for") ?? "").split(",").map((one) => one.trim());
  const { remoteAddress = "" } = exchange.request.socket as TLSSocket;
  return [...new Set([...named, remoteAddress.replace(/^::ffff:/, "")])].filter((one) => one !== "");
}
