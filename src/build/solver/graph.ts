/**
 * The graph that a frontend makes and the solver solves. A *step* is an operation on file trees: what it reads are other
 * steps' results, named in the operation itself. Its result is a root file system: a list of layers, oldest first.
 * `undefined` in the place of a step means an empty root ("scratch").
 *
 * A step's digest names it within the graph and to clients (BuildKit's vertex digest). It is no cache key: what a source
 * brings is only known when it was looked at. See cache-key.ts for those.
 */
import type { ContainerConfig, Ulimit } from "../../model/container.ts";
import type { Digest, HistoryEntry, ImageConfig, Platform } from "../../model/image.ts";
import type { BuildRequest, BuildWarning, ClientLayout, ContextSource, SourceRange } from "../contract.ts";

/** How clients show a step. None of it has a part in digests or cache keys, except for `slot`. */
interface StepDisplay {
  /** "[build 2/5] RUN make", "[internal] load build context". */
  name: string;
  /** The stage's name, for showing steps together. */
  group?: string;
  /** The instruction in the Dockerfile, for errors. */
  range?: SourceRange;
  /**
   * The same for the same instruction of the same Dockerfile from build to build ("Dockerfile/build/3"), also when its text
   * changed: why a step missed the cache is told by comparing with what last had the slot.
   */
  slot?: string;
}

export interface Step<Kind extends Operation = Operation> {
  readonly operation: Kind;
  readonly show: StepDisplay;
  /** `--no-cache`: computed anew, though its result is remembered. */
  readonly ignoresCache?: boolean;
}

export type Operation =
  | ImageOperation
  | LocalOperation
  | HttpOperation
  | GitOperation
  | ExecOperation
  | FileOperation
  | MergeOperation
  | DiffOperation;

/** The root file system of an image of the store; pulled when it is not here. */
export interface ImageOperation {
  type: "image";
  /** What resolveImage() answered, so that the image cannot change between reading its configuration and its files. */
  image: ResolvedImage;
}

/** Files of a context. One step per context: the frontend gathers all patterns that the build reads. */
export interface LocalOperation {
  type: "local";
  context: ContextSource;
  /** Paths and patterns that are wanted; absent: everything. */
  include?: readonly string[];
  /** Lines of .dockerignore, "!" exceptions included, in order. */
  exclude?: readonly string[];
}

/** One file from a URL, at the root of the result. */
export interface HttpOperation {
  type: "http";
  url: string;
  /** Name of the file in the result. */
  filename: string;
  checksum?: Digest;
}

/** A commit's files. */
export interface GitOperation {
  type: "git";
  /** As git takes it: "https://host/repo.git", "git@host:repo.git". */
  remote: string;
  /** Branch, tag, commit or full ref; absent: the remote's HEAD. */
  ref?: string;
  /** Directory inside the repository that becomes the result's root. */
  subdir?: string;
  /** The commit that `ref` must be. */
  checksum?: string;
  keepGitDir?: boolean;
  skipSubmodules?: boolean;
}

/** A process in a container over `root`; what it changes becomes a layer. */
export interface ExecOperation {
  type: "exec";
  root: Step | undefined;
  args: readonly string[];
  /** "NAME=value", in order. PATH is the frontend's to set. */
  env: readonly string[];
  /** Like `env`, but neither in cache keys nor in history: the proxies. */
  quietEnv?: readonly string[];
  /** Environment variables from secrets. */
  secretEnv?: readonly { name: string; id: string; required: boolean }[];
  cwd: string;
  user: string;
  hostname: string;
  /** "default", "none", "host" or the name of a network. */
  network: string;
  security: "sandbox" | "insecure";
  /** "name:ip", ip may be "host-gateway". */
  extraHosts: readonly string[];
  /** 0: the daemon's default. */
  shmSizeBytes: number;
  ulimits: readonly Ulimit[];
  cgroupParent: string;
  resources?: BuildRequest["resources"];
  mounts: readonly ExecMount[];
  devices?: readonly { name: string; required: boolean }[];
}

interface MountPlace {
  target: string;
  readOnly: boolean;
}
export type ExecMount =
  /** Without `from` an empty tree. Writes to one that is not read-only are thrown away. */
  | ({ type: "bind"; from: Step | undefined; source: string } & MountPlace)
  /** A directory that outlives builds. When new it is seeded with `source` of `from`. */
  | ({
      type: "cache";
      id: string;
      sharing: "shared" | "private" | "locked";
      from: Step | undefined;
      source: string;
      uid: number;
      gid: number;
      mode: number;
    } & MountPlace)
  /** `sizeBytes` 0: no limit. */
  | ({ type: "tmpfs"; sizeBytes: number } & MountPlace)
  | ({ type: "secret"; id: string; required: boolean; uid: number; gid: number; mode: number } & MountPlace)
  | ({ type: "ssh"; id: string; required: boolean; uid: number; gid: number; mode: number } & MountPlace);

/** Changes to `root` without running anything: all actions together become one layer. */
export interface FileOperation {
  type: "file";
  root: Step | undefined;
  actions: readonly FileAction[];
}

export type FileAction = CopyAction | MakeDirectoryAction | MakeFileAction | MakeLinkAction | RemoveAction;

/** Owner as written in the Dockerfile: "uid", "name", "uid:gid", "name:group"; names by the accounts of the step's root. */
type OwnerText = string;

export interface CopyAction {
  action: "copy";
  from: Step | undefined;
  /** Paths or patterns inside `from`, slashes at the end kept. */
  sources: readonly string[];
  /** Absolute; a slash at the end (or several sources) means a directory. */
  destination: string;
  /** Absent: owners stay in copies between stages, files of contexts become root's, unpacked ones keep the archive's. */
  owner?: OwnerText;
  /** "755", "0755" or symbolic ("u=rwX,go=rX"). */
  mode?: string;
  /** Patterns as in .dockerignore, relative to each source. */
  exclude?: readonly string[];
  /** `--parents`: the sources' directories are kept below the destination; "/./" marks where they begin. */
  keepsParents?: boolean;
  /** ADD: tar archives among the sources of a context are extracted into the destination. */
  unpacks?: boolean;
  /** A pattern that fits nothing is no error. */
  allowsNoMatch?: boolean;
  /** `COPY --link`: links in the destination's path are not followed but replaced. */
  replacesLinks?: boolean;
}

/** Makes a directory and its missing parents; that it is there already is fine. */
interface MakeDirectoryAction {
  action: "mkdir";
  path: string;
  /** Absent: 0755. */
  mode?: number;
  owner?: OwnerText;
}

/** Writes a file: COPY and ADD of heredocs. */
interface MakeFileAction {
  action: "mkfile";
  /** A slash at the end means the directory to put `name` into. */
  path: string;
  name: string;
  data: Uint8Array;
  /** Octal or symbolic; absent: 0644. */
  mode?: string;
  owner?: OwnerText;
  replacesLinks?: boolean;
}

/** A symbolic link, in the place of a file that may be there. */
interface MakeLinkAction {
  action: "symlink";
  path: string;
  /** As it will read. */
  target: string;
}

interface RemoveAction {
  action: "rm";
  path: string;
  allowsNoMatch: boolean;
}

/** The roots one above the other: layers of the first, then those of the next. COPY --link: [base, files on an empty root]. */
interface MergeOperation {
  type: "merge";
  roots: readonly (Step | undefined)[];
}

/** What `upper` adds to `lower`, on which it stands. */
interface DiffOperation {
  type: "diff";
  lower: Step | undefined;
  upper: Step | undefined;
}

/** What a name stands for, when it was asked for. */
export interface ResolvedImage {
  /** Familiar name as the Dockerfile has it. */
  name: string;
  /** With its digest: "docker.io/library/debian:bookworm@sha256:…"; of a local image without repository only its id. */
  canonical: string;
  /** Of the image in this store: its manifest or index. */
  id: Digest;
  platform: Platform;
  config: ImageConfig;
}

/** What a frontend may ask for while it makes the graph. Each shows itself to clients as a step. */
export interface PlanningServices {
  /**
   * Brings the image here when it is not, or with `pull` when the registry has a newer one. Equal requests share the work.
   * @throws {NaruError} not-found, in Docker's words
   */
  resolveImage(
    name: string,
    /** `showsPlatform`: "[linux/arm64 internal] load metadata for …", in builds for several platforms. */
    options: { platform: Platform; pull: boolean; group?: string; showsPlatform?: boolean },
  ): Promise<ResolvedImage>;
  /** Brings the image of a client's OCI layout here, for as long as the build needs it. @throws {NaruError} */
  resolveLayout(layout: ClientLayout, options: { platform: Platform }): Promise<ResolvedImage>;
  /** A file of a context, for frontends that need more than the Dockerfile; undefined when it is not there. */
  readContextFile(context: ContextSource, path: string): Promise<Uint8Array | undefined>;
  /** Told as they are found, so that they are known of a plan that fails, too; all are in the plan as well. */
  warn(warning: BuildWarning): void;
  readonly signal: AbortSignal;
}

/** One element of an image's history that the build adds. */
export interface PlannedHistory {
  created_by: string;
  comment: string;
  /** The step whose layer this is; absent, or when the step made no layer: `empty_layer`. */
  step?: Step;
}

/** What is to become an image (or a tree), for one platform. */
export interface PlannedTarget {
  platform: Platform;
  root: Step | undefined;
  /** Name of the stage, "" when it has none. */
  stage: string;
  /** The image's configuration, without rootfs, history and creation time. */
  image: Pick<ImageConfig, "architecture" | "os" | "variant" | "os.version" | "author"> & { config: ContainerConfig };
  /** Of the base image; empty for scratch. */
  baseHistory: readonly HistoryEntry[];
  base?: ResolvedImage;
  history: readonly PlannedHistory[];
}

/** A line of the Dockerfile as the classic builder tells it: every instruction of every stage that is built. */
export interface PlannedInstruction {
  /** "RUN make". */
  text: string;
  /** What it runs; absent for instructions that only change the configuration. */
  step?: Step;
  range: SourceRange;
}

export interface BuildPlan {
  /** One for each platform. */
  targets: PlannedTarget[];
  instructions: PlannedInstruction[];
  warnings: BuildWarning[];
  /** SOURCE_DATE_EPOCH as a build argument: seconds. Later times in layers and configuration become this one. */
  sourceDateEpoch?: number;
  /** Images and URLs that went into the build, for provenance. */
  materials: { uri: string; digest?: Record<string, string> }[];
  /** Values of all build arguments used, for provenance. */
  usedArgs: Record<string, string>;
}

/** What makes plans: src/build/frontend/. Pure but for what it asks of `services`. @throws {BuildFailure} with the place */
export type Frontend = (request: BuildRequest, services: PlanningServices) => Promise<BuildPlan>;

/** `request.onlyCheck`: the JSON of BuildKit's lint, outline or targets sub-request. Runs no step. */
export type SubrequestAnswerer = (
  request: BuildRequest,
  services: PlanningServices,
) => Promise<Record<string, unknown>>;
