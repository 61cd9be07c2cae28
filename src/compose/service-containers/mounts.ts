import { isAbsolute, join } from "node:path";
import { NaruError } from "../../lib/errors.ts";
import type { ContainerInspect, Mount, MountPoint } from "../../model/container.ts";
import type { FileModel, FileReference, MountModel, ProjectModel, ServiceModel } from "../service-model.ts";

/** A file that is written into the container before its start, since its content is not a file of this machine. */
export interface InjectedFile {
  path: string;
  content: string;
  /** Permission bits. */
  mode: number;
  uid: number;
  gid: number;
}
/** What a container gets mounted. Named volumes and plain binds travel as `Binds`, as docker compose sends them. */
interface ContainerMounts {
  binds: string[];
  mounts: Mount[];
  files: InjectedFile[];
  /** What a user should know. */
  warnings: string[];
}

/** The container that is replaced, and the volumes that its image declares: its anonymous volumes go over. */
export interface Inherited {
  mounts: readonly MountPoint[];
  imageVolumes: readonly string[];
}

/** Mounts of a service. Throws "invalid" for files that no engine can give. */
export function containerMounts(
  project: ProjectModel,
  name: string,
  service: ServiceModel,
  inherited: Inherited | undefined,
): ContainerMounts {
  const result: ContainerMounts = { binds: [], mounts: [], files: [], warnings: [] };
  const taken = new Map<string, Mount>();
  for (const mount of inherited?.mounts ?? []) {
    if (mount.Type === "tmpfs") continue;
    const isAnonymous = service.volumes?.some((own) => own.target === mount.Destination && !own.source);
    if (!isAnonymous && !inherited!.imageVolumes.includes(mount.Destination)) continue;
    taken.set(mount.Destination, {
      Type: mount.Type,
      Source: mount.Type === "volume" ? mount.Name : mount.Source,
      Target: mount.Destination,
      ReadOnly: !mount.RW,
    });
  }
  for (const volume of service.volumes ?? []) {
    const target = volume.target ?? "";
    if (taken.has(target) && !volume.source) continue;
    taken.delete(target);
    const source = sourceOf(project, volume);
    if (isPlain(volume)) result.binds.push(bindText(source, volume));
    else result.mounts.push(mountOf(volume, source));
  }
  result.mounts.push(...taken.values());
  addFiles(project, name, service, result);
  return result;
}

function sourceOf(project: ProjectModel, { type, source = "" }: MountModel): string {
  if (type === "volume" && source !== "") return project.volumes[source]?.name ?? source;
  return type === "bind" && !isAbsolute(source) ? join(project.folder, source) : source;
}

/** True for what the short form of old, `source:target:options`, can say. */
function isPlain({ type, source, bind, volume }: MountModel): boolean {
  if (type === "bind")
    return bind === undefined || (bind.create_host_path === true && !bind.propagation && !bind.recursive);
  if (type !== "volume" || !source) return false;
  return !volume || (Object.keys(volume.labels ?? {}).length === 0 && !volume.subpath && !volume.nocopy);
}

function bindText(source: string, { target, read_only, bind }: MountModel): string {
  const options = [read_only ? "ro" : "rw", bind?.selinux].filter(Boolean);
  return `${source}:${target}:${options.join(",")}`;
}

function mountOf(model: MountModel, source: string): Mount {
  const { type, target = "", read_only, consistency, bind, volume, tmpfs, image } = model;
  const mount: Mount = { Type: type as Mount["Type"], Target: target };
  if (source !== "") mount.Source = source;
  if (read_only) mount.ReadOnly = true;
  if (consistency) mount.Consistency = consistency;
  if (type === "bind" && bind) {
    mount.BindOptions = {
      ...(bind.propagation && { Propagation: bind.propagation }),
      ...(bind.create_host_path && { CreateMountpoint: true }),
      ...(bind.recursive === "disabled" && { NonRecursive: true }),
      ...(bind.recursive === "writable" && { ReadOnlyNonRecursive: true }),
      ...(bind.recursive === "readonly" && { ReadOnlyForceRecursive: true }),
    };
  }
  if (type === "volume" && volume) {
    mount.VolumeOptions = {
      ...(volume.nocopy && { NoCopy: true }),
      ...(volume.labels && { Labels: volume.labels }),
      ...(volume.subpath && { Subpath: volume.subpath }),
    };
  }
  if (type === "tmpfs" && tmpfs) {
    mount.TmpfsOptions = {
      ...(tmpfs.size !== undefined && { SizeBytes: Number(tmpfs.size) }),
      ...(tmpfs.mode !== undefined && { Mode: tmpfs.mode }),
    };
  }
  if (type === "image" && image) mount.ImageOptions = image.subpath ? { Subpath: image.subpath } : {};
  return mount;
}

/** Configs and secrets: files of this machine are mounted, other content is written into the container. */
function addFiles(project: ProjectModel, name: string, service: ServiceModel, result: ContainerMounts): void {
  for (const kind of ["config", "secret"] as const) {
    const references = (kind === "config" ? service.configs : service.secrets) ?? [];
    const known = kind === "config" ? project.configs : project.secrets;
    const folder = kind === "config" ? "/" : "/run/secrets/";
    for (const reference of references) {
      const model = known[reference.source] ?? {};
      refuseUnsupported(kind, reference.source, model);
      const target = reference.target || reference.source;
      const path = isAbsolute(target) ? target : `${folder}${target}`;
      if (model.file !== undefined) {
        const mount: Mount = { Type: "bind", Source: model.file, Target: path, ReadOnly: true };
        // So docker compose writes them: a secret's file must be there.
        result.mounts.push(kind === "secret" ? { ...mount, BindOptions: {} } : mount);
        if (reference.uid || reference.gid || reference.mode)
          result.warnings.push(`${kind}s \`uid\`, \`gid\` and \`mode\` are not supported, they will be ignored`);
      } else {
        if (service.read_only)
          throw new NaruError(
            "invalid",
            `cannot create ${kind} ${JSON.stringify(reference.source)} in read-only service ${name}: \`file\` is the sole supported option`,
          );
        result.files.push(injected(project, kind, model, reference, path));
      }
    }
  }
}

function injected(
  project: ProjectModel,
  kind: string,
  model: FileModel,
  { source, mode, uid, gid }: FileReference,
  path: string,
): InjectedFile {
  const content = model.environment === undefined ? model.content : project.variables.get(model.environment);
  if (content === undefined)
    throw new NaruError(
      "invalid",
      `environment variable ${JSON.stringify(model.environment)} required by ${kind} ${JSON.stringify(source)} is not set`,
    );
  const id = (text: string | undefined, what: string) => {
    if (text !== undefined && !/^\d+$/.test(text))
      throw new NaruError(
        "invalid",
        `${kind} ${JSON.stringify(source)}: ${what} must be a number, not ${JSON.stringify(text)}`,
      );
    return Number(text ?? 0);
  };
  return { path, content, mode: Number.parseInt(mode ?? "0444", 8), uid: id(uid, "uid"), gid: id(gid, "gid") };
}

function refuseUnsupported(kind: string, name: string, model: FileModel): void {
  if (model.external) throw new NaruError("invalid", `unsupported external ${kind} ${name}`);
  for (const key of ["driver", "template_driver"] as const)
    if (model[key]) throw new NaruError("invalid", `${kind} ${name}: \`${key}\` is not supported: name a file`);
}

/** What a replacement takes over from the container that it replaces. */
export function inheritedFrom(
  old: ContainerInspect,
  imageVolumes: Record<string, object> | null | undefined,
): Inherited {
  return { mounts: old.Mounts, imageVolumes: Object.keys(imageVolumes ?? {}) };
}
