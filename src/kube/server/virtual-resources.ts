/** Resources that are answered, not stored: reviews of access and tokens, usage of nodes and pods. */
import type { KubeObject } from "../../model/kubernetes/object.ts";
import type { RequestAttributes } from "./request-attributes.ts";
import type { User } from "./user.ts";

export interface VirtualRequest {
  user: User;
  attributes: RequestAttributes;
  query: URLSearchParams;
  /** The object that was sent; for verbs without one empty. */
  object: KubeObject;
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
  verbs: Readonly<Record<string, (request: VirtualRequest) => unknown>>;
}
