/** Requests for resources that are not stored: what was sent is read, what is answered is shown as the client wants it. */
import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import { StatusError } from "../status.ts";
import type { ApiExchange } from "./api-exchange.ts";
import { contentTypeOf, encodeAs, jsonBody, plainWishOf, type Wish, wishOf } from "./media-type.ts";
import type { RequestAttributes } from "./request-attributes.ts";
import { includedBy, tableOf } from "./table.ts";
import type { User } from "./user.ts";
import type { VirtualRequest, VirtualResource } from "./virtual-resources.ts";

const NO_OBJECT: KubeObject = { apiVersion: "", kind: "", metadata: {} };

interface Asked {
  readonly exchange: ApiExchange;
  readonly attributes: RequestAttributes;
  readonly user: User;
  readonly manager: string;
}

/** @param handler the resource's answer to the request's verb @throws StatusError NotAcceptable for a form that the resource has not */
export async function serveVirtual(
  resource: VirtualResource,
  handler: (request: VirtualRequest) => unknown,
  { exchange, attributes, user, manager }: Asked,
): Promise<void> {
  const wish = wishFor(resource, exchange.header("accept"));
  if (resource.deprecation !== undefined) exchange.warn(resource.deprecation);
  const isCreated = attributes.verb === "create";
  const object = isCreated ? await objectOf(exchange) : NO_OBJECT;
  const warn = (message: string) => exchange.warn(message);
  const answer = await handler({ user, manager, attributes, query: exchange.query, object, warn });
  const shown = wish.shape === "table" ? tableOfAnswer(resource, answer, exchange.query, wish.version) : answer;
  const type = contentTypeOf(wish, "Table");
  await exchange.send(isCreated ? 201 : 200, type, encodeAs(wish.format, JSON.stringify(shown)));
}

/** Metadata alone is not shown of what is not stored: who names another form beside it gets that. */
function wishFor({ columns }: VirtualResource, accept: string | undefined): Wish {
  const wish = columns === undefined ? undefined : wishOf(accept);
  return wish?.shape === "table" ? wish : plainWishOf(accept);
}

/** @throws StatusError BadRequest */
async function objectOf(exchange: ApiExchange): Promise<KubeObject> {
  const object: unknown = JSON.parse(jsonBody(exchange.header("content-type"), await exchange.body()));
  if (typeof object === "object" && object !== null && !Array.isArray(object)) return object as KubeObject;
  throw new StatusError("BadRequest", "the body of the request is no object");
}

function tableOfAnswer(
  { columns }: VirtualResource,
  answer: unknown,
  query: URLSearchParams,
  version: string,
): ReturnType<typeof tableOf> {
  const { items } = answer as { items?: Stored<KubeObject>[] };
  const included = includedBy(query.get("includeObject"));
  const options = { included, version, metadata: {}, withColumns: true };
  return tableOf(items ?? [answer as Stored<KubeObject>], columns, options);
}
