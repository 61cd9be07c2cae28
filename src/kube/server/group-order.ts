/** In which order groups and versions are told: clients take the first that knows a name. */

/** As Kubernetes orders its own groups; those of custom resources follow by name. */
const ORDER = [
  "",
  "apiregistration.k8s.io",
  "apps",
  "events.k8s.io",
  "authentication.k8s.io",
  "authorization.k8s.io",
  "autoscaling",
  "batch",
  "certificates.k8s.io",
  "networking.k8s.io",
  "policy",
  "rbac.authorization.k8s.io",
  "storage.k8s.io",
  "admissionregistration.k8s.io",
  "apiextensions.k8s.io",
  "scheduling.k8s.io",
  "coordination.k8s.io",
  "node.k8s.io",
  "discovery.k8s.io",
  "resource.k8s.io",
];
const LAST = "metrics.k8s.io";

/** Kubernetes' own groups are apart by so much; those of custom resources have all the same (APIService's groupPriorityMinimum). */
const FIRST_PRIORITY = 18_000;
const STEP = 100;
const CUSTOM_PRIORITY = 1000;
const LAST_PRIORITY = 100;

/** The higher, the earlier a group is told. */
export function groupPriority(group: string): number {
  const rank = groupRank(group);
  if (rank > ORDER.length) return LAST_PRIORITY;
  return rank === ORDER.length ? CUSTOM_PRIORITY : FIRST_PRIORITY - rank * STEP;
}

/** The higher, the earlier a version is told within its group; at most 100. */
export function versionPriority(version: string): number {
  const parsed = parseVersion(version);
  if (parsed === undefined) return 1;
  return Math.max(1, parsed.stage * 30 + Math.min(20, parsed.major) + Math.min(10, parsed.minor));
}

function groupRank(group: string): number {
  if (group === LAST) return ORDER.length + 1;
  const rank = ORDER.indexOf(group);
  return rank === -1 ? ORDER.length : rank;
}

const STAGES = { alpha: 0, beta: 1, stable: 2 } as const;

/** v10, v2, v1, v11beta2, v1beta1, v1alpha1, then other names by the alphabet (as for CRDs). */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parseVersion(a), parseVersion(b)];
  if (left === undefined || right === undefined) {
    if (left !== undefined || right !== undefined) return left === undefined ? 1 : -1;
    return a < b ? -1 : a > b ? 1 : 0;
  }
  return right.stage - left.stage || right.major - left.major || right.minor - left.minor;
}

function parseVersion(text: string): { stage: number; major: number; minor: number } | undefined {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(text);
  if (match === null) return undefined;
  const stage = STAGES[(match[2] ?? "stable") as keyof typeof STAGES];
  return { stage, major: Number(match[1]), minor: Number(match[3] ?? 0) };
}
