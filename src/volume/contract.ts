/** Contract of volumes: named directories (driver "local") that outlive containers. */
import type { Volume, VolumeCreateRequest } from "../model/volume.ts";

export interface VolumeStore {
  listVolumes(): Volume[];
  /** @throws not-found `get x: no such volume` */
  getVolume(name: string): Volume;
  findVolume(name: string): Volume | undefined;
  /** Idempotent for an existing name; a 64-hex random name when none is given (label com.docker.volume.anonymous). */
  createVolume(request: VolumeCreateRequest): Promise<Volume>;
  /** The caller has checked that no container uses it. */
  removeVolume(name: string, options: { force: boolean }): Promise<void>;
  /** Host path to bind; mounts driver options (type/o/device) on first use by `userId`. */
  mountVolume(name: string, userId: string): Promise<string>;
  unmountVolume(name: string, userId: string): Promise<void>;
  /** Bytes on disk. */
  sizeOf(name: string): Promise<number>;
  /** True when the volume's directory has no entry: only then is it populated from the image. */
  isEmpty(name: string): Promise<boolean>;
}
