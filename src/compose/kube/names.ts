/** Names of a project's parts as Kubernetes takes them, and the labels that tell what belongs together. */

const LONGEST_NAME = 63;

/** A name of letters, digits and dashes that begins with a letter (RFC 1035, as Services need it). */
export function kubeName(name: string): string {
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "");
  const named = /^[a-z]/.test(plain) ? plain : `x-${plain}`;
  return named.slice(0, LONGEST_NAME).replace(/-+$/, "");
}

/** Labels of everything of a project. */
export function projectLabels(project: string): Record<string, string> {
  return { "app.kubernetes.io/part-of": kubeName(project), "app.kubernetes.io/managed-by": "naru-compose" };
}

/** What finds the pods of a service. */
export function serviceSelector(project: string, service: string): Record<string, string> {
  return { "app.kubernetes.io/name": kubeName(service), "app.kubernetes.io/part-of": kubeName(project) };
}

/** The label of pods that are on a network. */
export function networkLabel(network: string): string {
  return `naru.compose.network/${kubeName(network)}`;
}
