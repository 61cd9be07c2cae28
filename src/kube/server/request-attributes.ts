/** What a request's method and path ask for, as Kubernetes' authorization and routing see it. */

export interface RequestAttributes {
  /** False: a path beside the resources, such as /version. */
  isResource: boolean;
  path: string;
  /** get, list, watch, create, update, patch, delete, deletecollection; for other paths the method in lower case. */
  verb: string;
  group: string;
  version: string;
  /** "" for all namespaces and for kinds without one. */
  namespace: string;
  resource: string;
  subresource: string;
  name: string;
  /** What follows a subresource that takes a path (proxy). */
  rest: string;
}

const VERBS: Record<string, string> = {
  POST: "create",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
  GET: "get",
  HEAD: "get",
};
/** Parts of a namespace object's path that are no resources inside it. */
const NAMESPACE_SUBRESOURCES = new Set(["status", "finalize"]);

/** Reads `path` (without its query, still percent-encoded). */
export function requestAttributes(method: string, path: string, query: URLSearchParams): RequestAttributes {
  const parts = path.split("/").filter((part) => part !== "");
  const isCore = parts[0] === "api" && parts.length >= 3;
  const isGrouped = parts[0] === "apis" && parts.length >= 4;
  const plain: RequestAttributes = {
    isResource: false,
    path,
    verb: method.toLowerCase(),
    group: "",
    version: "",
    namespace: "",
    resource: "",
    subresource: "",
    name: "",
    rest: "",
  };
  if (!isCore && !isGrouped) return plain;
  const group = isCore ? "" : parts[1]!;
  const version = isCore ? parts[1]! : parts[2]!;
  let rest = parts.slice(isCore ? 2 : 3);
  // The old way to ask for a watch: /api/v1/watch/…
  const isWatchPath = rest[0] === "watch" && rest.length > 1;
  if (isWatchPath) rest = rest.slice(1);
  const { namespace, words } = splitNamespace(rest);
  const [resource = "", name = "", subresource = "", ...tail] = words.map(decode);
  const found = { ...plain, isResource: true, group, version, namespace, resource, name, subresource };
  found.rest = tail.length === 0 ? "" : path.slice(pathLengthBefore(path, tail.length));
  found.verb = verbOf(method, found, isWatchPath || isTrue(query.get("watch")));
  return found;
}

/** As Go's strconv.ParseBool, with which servers read such parameters; the parameter alone means yes. */
export function isTrue(value: string | null): boolean {
  return value !== null && !/^(0|f|false)$/i.test(value);
}

function splitNamespace(rest: readonly string[]): { namespace: string; words: readonly string[] } {
  if (rest[0] !== "namespaces" || rest.length < 2) return { namespace: "", words: rest };
  const namespace = decode(rest[1]!);
  const isObject = rest.length === 2 || (rest.length === 3 && NAMESPACE_SUBRESOURCES.has(rest[2]!));
  return { namespace, words: isObject ? rest : rest.slice(2) };
}

function verbOf(method: string, { name, subresource }: RequestAttributes, isWatch: boolean): string {
  const verb = VERBS[method] ?? method.toLowerCase();
  if (verb === "get" && subresource === "" && isWatch) return "watch";
  if (verb === "get" && name === "") return "list";
  if (verb === "delete" && name === "") return "deletecollection";
  return verb;
}

/** Where the last `count` parts of a path begin, with their slash. */
function pathLengthBefore(path: string, count: number): number {
  let at = path.endsWith("/") ? path.length - 1 : path.length;
  for (let left = count; left > 0; left--) at = path.lastIndexOf("/", at - 1);
  return at;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
