/** Resources that are answered, not stored: reviews of access and tokens, usage of nodes and pods, bindings, states of components. */
import type { KubeObject } from "../../model/kubernetes/object.ts";
import type { TableColumn } from "../machinery/definition.ts";
import { parseFieldSelector, parseLabelSelector } from "../machinery/selectors.ts";
import type { RequestAttributes } from "./request-attributes.ts";
import type { User } from "./user.ts";

export interface VirtualRequest {
  user: User;
  /** The field manager of what is written. */
  manager: string;
  attributes: RequestAttributes;
  query: URLSearchParams;
  /** The object that was sent; for verbs without one empty. */
  object: KubeObject;
  /** Tells the client of something beside the answer. */
  warn(message: string): void;
}

export interface VirtualResource {
  group: string;
  version: string;
  resource: string;
  singular: string;
  kind: string;
  namespaced: boolean;
  shortNames?: readonly string[];
  /** What each verb answers: an object or a list. @throws StatusError */
  /** Told to clients as a warning when they use it. */
  deprecation?: string;
  /** Of the table that `kubectl get` asks for; without them there is none. */
  columns?: readonly TableColumn[];
  verbs: Readonly<Record<string, (request: VirtualRequest) => unknown>>;
}

/** What a list's query chooses, by labels and by name. @throws StatusError BadRequest */
export function selectorOf(query: URLSearchParams): (object: KubeObject) => boolean {
  const labels = parseLabelSelector(query.get("labelSelector") ?? "");
  const fields = parseFieldSelector(query.get("fieldSelector") ?? "");
  return (object) => labels(object.metadata.labels) && fields.matches(object);
}
