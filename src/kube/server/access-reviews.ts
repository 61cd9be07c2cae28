/** Questions about access and identity: who am I, may I, may she, is this token good. */
import type { SelfSubjectReview, TokenReview, UserInfo } from "../../model/kubernetes/authentication.ts";
import type {
  NonResourceAttributes,
  NonResourceRule,
  ResourceAttributes,
  ResourceRule,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
} from "../../model/kubernetes/authorization.ts";
import type { KubeObject } from "../../model/kubernetes/object.ts";
import { StatusError } from "../status.ts";
import type { Authentication } from "./authentication.ts";
import type { Access, Authorization } from "./authorization.ts";
import type { User } from "./user.ts";
import type { VirtualRequest, VirtualResource } from "./virtual-resources.ts";

const AUTHORIZATION = { group: "authorization.k8s.io", version: "v1" };
const AUTHENTICATION = { group: "authentication.k8s.io", version: "v1" };

export function accessReviews(authorization: Authorization, authentication: Authentication): VirtualResource[] {
  const review = (
    place: { group: string; version: string },
    kind: string,
    namespaced: boolean,
    create: (request: VirtualRequest) => unknown,
  ): VirtualResource => {
    const singular = kind.toLowerCase();
    return { ...place, resource: `${singular}s`, singular, kind, namespaced, verbs: { create } };
  };
  return [
    review(AUTHORIZATION, "SelfSubjectAccessReview", false, ({ user, object }) => {
      const { spec } = object as SelfSubjectAccessReview;
      return reviewed(object, statusOf(authorization, user, accessOf("spec", spec)));
    }),
    review(AUTHORIZATION, "SubjectAccessReview", false, ({ object }) => subjectReview(authorization, object)),
    review(AUTHORIZATION, "LocalSubjectAccessReview", true, ({ object, attributes }) => {
      const namespace = (object as SubjectAccessReview).spec?.resourceAttributes?.namespace;
      if (namespace !== attributes.namespace) {
        throw new StatusError(
          "BadRequest",
          `spec.resourceAttributes.namespace must match namespace: ${attributes.namespace}`,
        );
      }
      return subjectReview(authorization, object);
    }),
    review(AUTHORIZATION, "SelfSubjectRulesReview", false, ({ user, object }) => {
      const { spec } = object as SelfSubjectRulesReview;
      if (!spec?.namespace) throw new StatusError("BadRequest", "no namespace on request");
      return reviewed(object, rulesStatus(authorization, user, spec.namespace));
    }),
    review(AUTHENTICATION, "SelfSubjectReview", false, ({ user, object }) =>
      reviewed(object, { userInfo: userInfo(user) } satisfies SelfSubjectReview["status"]),
    ),
    review(AUTHENTICATION, "TokenReview", false, ({ object }) => {
      const { spec } = object as TokenReview;
      if (!spec?.token) throw new StatusError("BadRequest", "token is required for TokenReview in authentication");
      return reviewed(object, tokenStatus(authentication, spec.token, spec.audiences));
    }),
  ];
}

export function userInfo({ name, uid, groups, extra }: User): UserInfo {
  return {
    username: name,
    ...(uid === undefined ? {} : { uid }),
    groups: [...groups],
    ...(extra === undefined || Object.keys(extra).length === 0 ? {} : { extra: extra as Record<string, string[]> }),
  };
}

function reviewed(object: KubeObject, status: unknown): unknown {
  return { ...object, metadata: { ...object.metadata, creationTimestamp: null }, status };
}

function subjectReview(authorization: Authorization, object: KubeObject): unknown {
  const { spec } = object as SubjectAccessReview;
  if (!spec?.user && !spec?.groups?.length) {
    throw new StatusError("Invalid", 'spec.user: Invalid value: "": at least one of user or group must be specified');
  }
  const user: User = { name: spec.user ?? "", groups: spec.groups ?? [] };
  return reviewed(object, statusOf(authorization, user, accessOf("spec", spec)));
}

function statusOf(authorization: Authorization, user: User, access: Access): unknown {
  const { isAllowed, reason } = authorization.decide(user, access);
  return { allowed: isAllowed, ...(reason === "" ? {} : { reason }) };
}

/** @throws StatusError Invalid unless exactly one of the two is asked */
function accessOf(
  field: string,
  spec: { resourceAttributes?: ResourceAttributes; nonResourceAttributes?: NonResourceAttributes } | undefined,
): Access {
  const { resourceAttributes: resource, nonResourceAttributes: other } = spec ?? {};
  const none = { path: "", group: "", namespace: "", resource: "", subresource: "", name: "" };
  if (resource !== undefined && other === undefined) {
    const { verb = "", group = "", namespace = "", subresource = "", name = "" } = resource;
    return { ...none, isResource: true, verb, group, namespace, resource: resource.resource ?? "", subresource, name };
  }
  if (other !== undefined && resource === undefined) {
    return { ...none, isResource: false, verb: other.verb ?? "", path: other.path ?? "" };
  }
  const what =
    resource === undefined
      ? "exactly one of nonResourceAttributes or resourceAttributes must be specified"
      : "cannot be specified in combination with resourceAttributes";
  throw new StatusError("Invalid", `${field}.nonResourceAttributes: Invalid value: ${what}`);
}

function rulesStatus(authorization: Authorization, user: User, namespace: string): unknown {
  const resourceRules: ResourceRule[] = [];
  const nonResourceRules: NonResourceRule[] = [];
  for (const { verbs, apiGroups, resources, resourceNames, nonResourceURLs } of authorization.rulesOf(
    user,
    namespace,
  )) {
    if (resources !== undefined && resources.length > 0) {
      resourceRules.push({ verbs, apiGroups, resources, ...(resourceNames === undefined ? {} : { resourceNames }) });
    }
    if (nonResourceURLs !== undefined && nonResourceURLs.length > 0) nonResourceRules.push({ verbs, nonResourceURLs });
  }
  return { resourceRules, nonResourceRules, incomplete: false };
}

function tokenStatus(authentication: Authentication, token: string, audiences: readonly string[] | undefined): unknown {
  const found = authentication.userOfToken(token, audiences?.length ? audiences : undefined);
  if (found === undefined) return { user: {}, error: "invalid bearer token, or not for these audiences" };
  return { authenticated: true, user: userInfo(found.user), audiences: found.audiences };
}
