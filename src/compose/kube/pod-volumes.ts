/** A service's mounts, secrets and configs as volumes of its pods. */
import type { Volume, VolumeMount } from "../../model/kubernetes/core.ts";
import type { FileReference, MountModel, ServiceModel } from "../service-model.ts";
import type { Conversion } from "./kube-project.ts";
import { kubeName } from "./names.ts";

interface PodVolumes {
  volumes: Volume[];
  mounts: VolumeMount[];
}

export function podVolumes(conversion: Conversion, service: string, model: ServiceModel): PodVolumes {
  const made = new VolumeMaker(conversion, service);
  for (const mount of model.volumes ?? []) made.addMount(mount);
  for (const entry of model.tmpfs ?? []) made.addTemporary(entry.split(":")[0]!, undefined);
  if (model.shm_size !== undefined) made.addTemporary("/dev/shm", model.shm_size);
  for (const secret of model.secrets ?? []) made.addFile("secret", secret, `/run/secrets/${secret.source}`);
  for (const config of model.configs ?? []) made.addFile("config", config, `/${config.source}`);
  return made;
}

class VolumeMaker implements PodVolumes {
  readonly volumes: Volume[] = [];
  readonly mounts: VolumeMount[] = [];

  constructor(
    private readonly conversion: Conversion,
    private readonly service: string,
  ) {}

  addMount(mount: MountModel): void {
    const { type, source = "", target = "", read_only: readOnly } = mount;
    const subPath = mount.volume?.subpath;
    if (type === "volume" && source !== "") {
      const { name } = this.conversion.project.volumes[source] ?? { name: source };
      this.#add({ name: kubeName(source), persistentVolumeClaim: { claimName: kubeName(name) } }, target, {
        readOnly,
        subPath,
      });
    } else if (type === "volume")
      this.#add({ name: kubeName(`anonymous${target}`), emptyDir: {} }, target, { readOnly });
    else if (type === "bind") this.#addDirectory(mount);
    else if (type === "tmpfs") this.addTemporary(target, mount.tmpfs?.size);
    else if (type === "image") {
      const name = kubeName(`image-${source}`);
      this.#add({ name, image: { reference: source } }, target, { readOnly: true, subPath: mount.image?.subpath });
    } else this.#remark(`a mount of type ${type} has no counterpart: ${target} is left out`);
  }

  addTemporary(target: string, sizeBytes: string | undefined): void {
    this.#add({ name: kubeName(`tmpfs${target}`), emptyDir: { medium: "Memory", sizeLimit: sizeBytes } }, target, {});
  }

  addFile(kind: "secret" | "config", reference: FileReference, fallback: string): void {
    const { source, target, mode, uid, gid } = reference;
    if (uid !== undefined || gid !== undefined) {
      this.#remark(
        `${kind} ${source}: owners of files cannot be chosen; securityContext.fsGroup sets the group of all`,
      );
    }
    const sections = this.conversion.project;
    const model = (kind === "secret" ? sections.secrets : sections.configs)[source];
    const name = kubeName(model?.name ?? source);
    const items = [
      { key: fileKey(source), path: fileKey(source), ...(mode === undefined ? {} : { mode: octal(mode) }) },
    ];
    const volume: Volume =
      kind === "secret"
        ? { name: kubeName(`secret-${source}`), secret: { secretName: name, items } }
        : { name: kubeName(`config-${source}`), configMap: { name, items } };
    const path =
      target === undefined ? fallback : target.startsWith("/") || kind === "config" ? target : `/run/secrets/${target}`;
    this.#add(volume, path, { readOnly: true, subPath: fileKey(source) });
  }

  #addDirectory({ source = "", target = "", read_only: readOnly, bind }: MountModel): void {
    this.#remark(`${source} is a directory of one machine (hostPath): copy its content into a volume or a config`);
    const type = bind?.create_host_path === false ? "" : "DirectoryOrCreate";
    // A file is not known from here: mounting one wants no type.
    const isFile = /\.[a-z0-9]+$/i.test(source) || source.endsWith(".sock");
    this.#add({ name: kubeName(`host${source}`), hostPath: { path: source, type: isFile ? "" : type } }, target, {
      readOnly,
    });
  }

  #add(volume: Volume, mountPath: string, options: { readOnly?: boolean; subPath?: string }): void {
    if (!this.volumes.some(({ name }) => name === volume.name)) this.volumes.push(volume);
    this.mounts.push({
      name: volume.name,
      mountPath,
      ...(options.subPath === undefined ? {} : { subPath: options.subPath }),
      ...(options.readOnly ? { readOnly: true } : {}),
    });
  }

  #remark(words: string): void {
    this.conversion.remark(this.service, words);
  }
}

/** A key of a Secret or ConfigMap. */
export function fileKey(source: string): string {
  return source.replace(/[^A-Za-z0-9._-]/g, "-");
}

const octal = (mode: string) => Number.parseInt(mode, 8);
