/** Requests for groups of other servers: passed on with the name of who asks, answered with what comes back, as it comes. */

import { errorText } from "../../lib/errors.ts";
import type { APIService } from "../../model/kubernetes/apiregistration.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient } from "../contract.ts";
import { hasCondition } from "../controllers/status-conditions.ts";
import type { User } from "../machinery/admission.ts";
import type { ApiExchange } from "../server/api-exchange.ts";
import { StatusError } from "../status.ts";
import { callRemote, type ProxyIdentity } from "./call-remote.ts";

/** Of one connection only (RFC 9110, 7.6.1), ours, or never believed from a client. */
const NOT_PASSED_ON =
  /^(authorization|connection|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|impersonate-.*|x-remote-.*)$/;

/** As kube-apiserver gives each request that does not last (--request-timeout). */
const PATIENCE_MS = 60_000;

export class AggregationProxy {
  /** @param patienceMs how long a request that does not last may take */
  constructor(
    private readonly client: ClusterClient,
    private readonly identity: ProxyIdentity,
    private readonly patienceMs = PATIENCE_MS,
  ) {}

  /**
   * @param isLong true for requests that last as long as they last: watches, logs
   * @throws StatusError ServiceUnavailable, Timeout, BadRequest for an upgrade
   */
  async serve(exchange: ApiExchange, user: User, service: Stored<APIService>, isLong: boolean): Promise<void> {
    if (exchange.upgradeProtocol !== undefined) {
      throw new StatusError("BadRequest", "naru passes no upgrades on to aggregated API servers");
    }
    if (!hasCondition(service.status?.conditions, "Available")) {
      throw new StatusError("ServiceUnavailable", "service unavailable");
    }
    const { method, request } = exchange;
    const patience = isLong ? undefined : AbortSignal.timeout(this.patienceMs);
    const hasBody =
      request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined;
    const answer = await callRemote(this.client, this.identity, service, {
      method,
      path: request.url ?? "/",
      user,
      headers: passed(request.headers),
      ...(hasBody ? { body: request } : {}),
      signal: patience === undefined ? exchange.signal : AbortSignal.any([exchange.signal, patience]),
    }).catch((error: unknown) => {
      if (patience?.aborted) {
        throw new StatusError("Timeout", "request did not complete within the allotted timeout");
      }
      throw new StatusError("ServiceUnavailable", `error trying to reach service: ${errorText(error)}`);
    });
    exchange.start(answer.statusCode ?? 502, passed(answer.headers) as Record<string, string>);
    for await (const chunk of answer as AsyncIterable<Buffer>) await exchange.write(chunk);
    exchange.end();
  }
}

function passed(headers: NodeJS.Dict<string | string[]>): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !NOT_PASSED_ON.test(name)) kept[name] = value;
  }
  return kept;
}
