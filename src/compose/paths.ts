import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { isTree, type Tree, type Value } from "./document.ts";
import { listOf } from "./short-forms.ts";

/** True for build contexts that are no folder here: URLs, git addresses, other services, images. */
const isElsewhere = (path: string) =>
  /^[a-z][a-z0-9+.-]*:\/\/|^git@|^github\.com\/|^(?:service|docker-image|oci-layout|target):/.test(path);

function resolvePath(folder: string, path: string): string {
  if (path === "~" || path.startsWith("~/")) return joined(homedir(), path.slice(1));
  return isAbsolute(path) ? path : joined(folder, path);
}

/** As Go joins paths: no slash at the end, which hashes of services would tell. */
function joined(folder: string, path: string): string {
  const whole = join(folder, path);
  return whole.length > 1 ? whole.replace(/\/$/, "") : whole;
}

/** Resolves the paths of a whole project against its folder, in place. */
export function resolveProjectPaths(project: Tree, folder: string): void {
  for (const service of Object.values(isTree(project.services) ? project.services : {}))
    if (isTree(service)) resolveServicePaths(service, folder);
  for (const section of ["configs", "secrets"]) {
    for (const resource of Object.values(isTree(project[section]) ? project[section] : {}))
      if (isTree(resource)) resolveKey(resource, "file", folder);
  }
  for (const volume of Object.values(isTree(project.volumes) ? project.volumes : {})) {
    const options = isTree(volume) ? volume.driver_opts : undefined;
    if (isTree(volume) && isTree(options) && options.o === "bind" && (volume.driver ?? "local") === "local")
      resolveKey(options, "device", folder);
  }
}

/** Resolves the paths of one service, in place. */
export function resolveServicePaths(service: Tree, folder: string): void {
  if (isTree(service.build)) {
    resolveKey(service.build, "context", folder, isElsewhere);
    for (const key of ["additional_contexts", "ssh"]) {
      const paths = service.build[key];
      if (isTree(paths)) for (const name in paths) resolveKey(paths, name, folder, isElsewhere);
    }
  }
  for (const file of listOf(service.env_file)) if (isTree(file)) resolveKey(file, "path", folder);
  if (service.label_file !== undefined)
    service.label_file = listOf(service.label_file).map((path) => resolvePath(folder, String(path)));
  for (const mount of listOf(service.volumes)) {
    const isWindows = (path: string) => /^[a-zA-Z]:[\\/]|^\\\\/.test(path);
    if (isTree(mount) && mount.type === "bind") resolveKey(mount, "source", folder, isWindows);
  }
  const watch = isTree(service.develop) ? service.develop.watch : undefined;
  for (const rule of listOf(watch)) if (isTree(rule)) resolveKey(rule, "path", folder);
  if (isTree(service.extends)) resolveKey(service.extends, "file", folder);
}

function resolveKey(tree: Tree, key: string, folder: string, isKept: (path: string) => boolean = () => false): void {
  const value: Value | undefined = tree[key];
  if (typeof value === "string" && value !== "" && !isKept(value)) tree[key] = resolvePath(folder, value);
}
