/** What is told of one request to the API, stage by stage (audit.k8s.io/v1 Event). */

import type { User } from "../machinery/admission.ts";
import type { AuditDecision, AuditedRequest, AuditStage } from "./audit-policy.ts";

/** Who asks, from where, and what. */
export interface AuditSubject {
  readonly id: string;
  readonly url: string;
  readonly user: User;
  readonly impersonated: User | undefined;
  readonly addresses: readonly string[];
  readonly userAgent: string | undefined;
  readonly request: AuditedRequest;
  /** True for requests that last: watches, terminals. */
  readonly isLong: boolean;
}

type Json = Record<string, unknown>;

export class AuditRecord {
  readonly #receivedAt = microTime();
  readonly #annotations: Record<string, string> = {};
  #requestObject: unknown;
  #response: { status: number; text: string | undefined } | undefined;

  constructor(
    private readonly subject: AuditSubject,
    private readonly decision: AuditDecision,
    private readonly write: (event: object) => void,
  ) {
    this.#tell("RequestReceived", {});
  }

  /** Goes with the last stage. */
  annotate(annotations: Readonly<Record<string, string>>): void {
    Object.assign(this.#annotations, annotations);
  }

  /** @param json reads the body; only asked when it is told */
  received(json: () => string): void {
    if (this.decision.level !== "Request" && this.decision.level !== "RequestResponse") return;
    this.#requestObject = this.#readable(json);
  }

  /** An answer in pieces has begun. */
  started(status: number): void {
    this.#response ??= { status, text: undefined };
    if (this.subject.isLong) this.#tell("ResponseStarted", { responseStatus: { metadata: {}, code: status } });
  }

  /** A whole answer: its text is told where the level wants it. */
  sent(status: number, body: string | Uint8Array): void {
    this.#response = { status, text: typeof body === "string" ? body : undefined };
  }

  /** To be called once, when the request is over however it went. */
  ended(): void {
    const { status = 0, text } = this.#response ?? {};
    const answer = text === undefined ? undefined : this.#readable(() => text);
    const isFailure = status >= 400 && (answer as Json | undefined)?.kind === "Status";
    const told = isFailure
      ? (({ status, message, reason, details }) => ({ status, message, reason, details }))(answer as Json)
      : {};
    const isWhole = this.decision.level === "RequestResponse" && answer !== undefined;
    this.#tell("ResponseComplete", {
      responseStatus: { metadata: {}, ...told, code: status },
      ...(this.#requestObject === undefined ? {} : { requestObject: this.#requestObject }),
      ...(isWhole ? { responseObject: answer } : {}),
      ...(Object.keys(this.#annotations).length === 0 ? {} : { annotations: this.#annotations }),
    });
  }

  #readable(json: () => string): unknown {
    try {
      const value: unknown = JSON.parse(json());
      return this.decision.omitManagedFields ? withoutManagedFields(value) : value;
    } catch {
      // A body that is no JSON (a table of a proxied page, a patch in YAML) is not told.
      return undefined;
    }
  }

  #tell(stage: AuditStage, more: object): void {
    if (this.decision.omitStages.includes(stage)) return;
    const { id, url, user, impersonated, addresses, userAgent, request } = this.subject;
    this.write({
      kind: "Event",
      apiVersion: "audit.k8s.io/v1",
      level: this.decision.level,
      auditID: id,
      stage,
      requestURI: url,
      verb: request.verb,
      user: userInfo(user),
      ...(impersonated === undefined ? {} : { impersonatedUser: userInfo(impersonated) }),
      sourceIPs: addresses,
      ...(userAgent === undefined ? {} : { userAgent }),
      ...(request.isResource ? { objectRef: objectReference(request, this.#requestObject) } : {}),
      requestReceivedTimestamp: this.#receivedAt,
      stageTimestamp: microTime(),
      ...more,
    });
  }
}

function userInfo({ name, uid, groups, extra }: User): object {
  const has = extra !== undefined && Object.keys(extra).length > 0;
  return { username: name, ...(uid === undefined ? {} : { uid }), groups, ...(has ? { extra } : {}) };
}

/** A new object's name is in its body alone. */
function objectReference(request: AuditedRequest, body: unknown): object {
  const { metadata = {} } = (body ?? {}) as { metadata?: { name?: string; uid?: string; resourceVersion?: string } };
  const known = {
    resource: request.resource,
    namespace: request.namespace,
    name: request.name || metadata.name,
    uid: metadata.uid,
    apiGroup: request.group,
    apiVersion: request.version,
    resourceVersion: metadata.resourceVersion,
    subresource: request.subresource,
  };
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value));
}

function withoutManagedFields(value: unknown): unknown {
  const object = value as { metadata?: Json; items?: unknown[] };
  if (typeof object !== "object" || object === null) return value;
  if (Array.isArray(object.items)) return { ...object, items: object.items.map(withoutManagedFields) };
  const { managedFields: _, ...metadata } = object.metadata ?? {};
  return object.metadata === undefined ? object : { ...object, metadata };
}

/** RFC 3339 with six digits, as metav1.MicroTime. */
function microTime(): string {
  return new Date().toISOString().replace("Z", "000Z");
}
