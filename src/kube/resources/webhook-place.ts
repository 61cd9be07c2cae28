/** Where a webhook is, as its configuration says: the rules for it. */

import { type FieldError, invalid, required } from "../machinery/field-error.ts";
import type { WebhookPlace } from "../webhook-client.ts";

/** @param at the field that holds the place: "webhooks[0].clientConfig" */
export function webhookPlaceFaults(place: WebhookPlace | undefined, at: string): FieldError[] {
  const { url, service } = place ?? {};
  if ((url === undefined) === (service === undefined)) {
    return [required(at, "exactly one of url or service is required")];
  }
  if (service !== undefined) {
    const faults = service.name ? [] : [required(`${at}.service.name`, "service name is required")];
    return service.namespace
      ? faults
      : [...faults, required(`${at}.service.namespace`, "service namespace is required")];
  }
  if (!URL.canParse(url!)) return [invalid(`${at}.url`, url, "url must be a valid URL")];
  const { protocol, username, hash, search } = new URL(url!);
  if (protocol !== "https:") return [invalid(`${at}.url`, url, "'https' is the only allowed URL scheme")];
  if (username !== "" || hash !== "" || search !== "") {
    return [invalid(`${at}.url`, url, "user information, fragments and query parameters are not permitted in the URL")];
  }
  return [];
}
