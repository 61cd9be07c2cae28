/**
 * What `naru build` and the daemon tell each other on their connection (`POST /naru/build`, upgraded; framing in
 * lib/build-channels.ts). The client says first what it wants; the daemon then tells events, calls back for what only the
 * client has, and ends with a result or a failure. The channel of a call has the call's number.
 */
import type { BuildEvent, BuildWarning, ProvenanceVersion } from "./build.ts";

/** Where the files of the build come from. */
export type WishContext =
  /** The client walks it and sends what the daemon does not have. */
  | { type: "directory" }
  /** A Dockerfile alone. */
  | { type: "none" }
  /** A tar on the client's standard input. */
  | { type: "input" }
  /** git and http addresses: the daemon fetches them. */
  | { type: "remote"; address: string };

export type Compression = "gzip" | "zstd" | "uncompressed";

export type WishOutput =
  | {
      type: "image";
      names: string[];
      push: boolean;
      compression?: Compression;
      forceCompression?: boolean;
      ociMediaTypes?: boolean;
      annotations?: Record<string, string>;
    }
  | {
      type: "oci" | "docker";
      names: string[];
      compression?: Compression;
      forceCompression?: boolean;
      annotations?: Record<string, string>;
    }
  | { type: "tar" | "local" }
  | { type: "cacheonly" };

export type WishCache =
  | { type: "inline" }
  | { type: "registry"; ref: string; attributes: Record<string, string> }
  /** A directory of the client's. */
  | { type: "local"; attributes: Record<string, string> };

/** A file's bytes, in base64. */
export interface WishFile {
  name: string;
  data: string;
}

export interface BuildWish {
  /** Equal for builds of the same directories by the same user: what was sent for one need not be sent again. */
  key: string;
  context: WishContext;
  /** Absent: it lies in the context at `dockerfilePath`. */
  dockerfile?: WishFile;
  /** As given; "" for the usual name. */
  dockerfilePath: string;
  ignoreFile?: WishFile;
  /** By name: an address, or null for a directory of the client's, or which image of one that holds an OCI layout. */
  namedContexts: Record<string, string | null | { tag?: string; digest?: string }>;
  target: string;
  buildArgs: Record<string, string>;
  labels: Record<string, string>;
  platforms: string[];
  outputs: WishOutput[];
  cacheTo: WishCache[];
  cacheFrom: WishCache[];
  noCache: boolean;
  noCacheStages: string[];
  pull: boolean;
  squash: boolean;
  networkMode: string;
  extraHosts: string[];
  shmSizeBytes: number;
  ulimits: { Name: string; Soft: number; Hard: number }[];
  cgroupParent: string;
  resources: {
    memory?: number;
    memorySwap?: number;
    cpuShares?: number;
    cpuSetCpus?: string;
    cpuSetMems?: string;
    cpuPeriod?: number;
    cpuQuota?: number;
  };
  entitlements: string[];
  attestations: {
    provenance?: "min" | "max";
    provenanceVersion?: ProvenanceVersion;
    builderId?: string;
    sbom: boolean;
  };
  onlyCheck?: "lint" | "outline" | "targets";
  /** Ids that the client answers; others are not asked for. */
  secrets: string[];
  agents: string[];
}

/** What only the client can do. */
export type ClientCall =
  /**
   * List a directory and send, over the channel, what is asked for (fsutil's packets). `source` is "context", the name of a
   * named context, or "cache" with the number of the --cache-from. `known` is the mark that came with the list of last time:
   * a client whose files still have it answers `{ same: true }` and sends nothing.
   */
  | { name: "files"; source: FileSource; include?: string[]; exclude?: string[]; known?: string }
  /** Send standard input over the channel. */
  | { name: "input" }
  | { name: "secret"; id: string }
  /** The channel becomes a connection to the agent. */
  | { name: "agent"; id: string }
  | { name: "login"; host: string }
  /** The daemon sends a tar over the channel, for the output or the --cache-to of that number. */
  | { name: "output"; output: number }
  | { name: "cache"; target: number };

export type FileSource = { kind: "context" } | { kind: "named"; name: string } | { kind: "cache"; origin: number };

/** Of the call "files". `mark` stands for the whole list; equal marks mean that nothing changed. Absent: do not rely on it. */
export type FilesAnswer = { same: true } | { same: false; mark?: string };
/** Of the call "secret", in base64; null when there is none. */
export type SecretAnswer = string | null;
export type LoginAnswer = { username: string; password: string; identityToken?: string } | null;

type LogEvent = Extract<BuildEvent, { type: "log" }>;
/** Output is text where it is UTF-8, else base64. */
export type WireEvent =
  | Exclude<BuildEvent, LogEvent>
  | (Omit<LogEvent, "data"> & ({ text: string } | { base64: string }));

export type ToClient =
  | { type: "events"; list: WireEvent[] }
  | { type: "call"; id: number; call: ClientCall }
  | BuildEnd;

export type BuildEnd =
  | {
      type: "result";
      imageId?: string;
      metadata: Record<string, unknown>;
      warnings: BuildWarning[];
      answer?: Record<string, unknown>;
    }
  | {
      type: "failure";
      message: string;
      /** The lines of the Dockerfile around the mistake, ready to be printed. */
      excerpt: string;
      /** The failed step's digest, when it is known. */
      step?: string;
      isCancelled: boolean;
    };

export type ToDaemon =
  | { type: "build"; wish: BuildWish }
  | { type: "answer"; id: number; value: unknown }
  | { type: "refusal"; id: number; message: string }
  | { type: "cancel" };
