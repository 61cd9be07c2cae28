/** What stands between the parts of a container's name: `-`, with --compatibility `_`. */
export type Separator = "-" | "_";

/** The name of a service's container: its own `container_name`, else `project-service-number`. */
export function containerName(
  project: string,
  service: { name: string; ownName?: string },
  number: number,
  separator: Separator,
): string {
  return service.ownName || [project, service.name, number].join(separator);
}

/** The image of a service: `image`, else the name that a build gives it. */
export function imageOf(project: string, service: string, image: string | undefined, separator: Separator): string {
  return image || `${project}${separator}${service}`;
}

/** How many containers a service is to have. */
export function scaleOf(service: { scale?: number; deploy?: { replicas?: number; mode?: string } }): number {
  return service.scale ?? service.deploy?.replicas ?? 1;
}
