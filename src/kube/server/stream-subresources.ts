/** Subresources that are streams: a pod's log, its processes, its ports. */
import type { Caller } from "../machinery/core.ts";
import type { ApiExchange } from "./api-exchange.ts";
import type { RequestAttributes } from "./request-attributes.ts";

export interface StreamSubresources {
  /** False: this subresource is no stream. @throws StatusError */
  serve(exchange: ApiExchange, attributes: RequestAttributes, caller: Caller): Promise<boolean>;
}
