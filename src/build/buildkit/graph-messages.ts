/** The operations of BuildKit's build graphs (pb.Op of its solver/pb/ops.proto), as clients send them. */
import { ProtobufSchema } from "./protobuf-schema.ts";

const STRINGS = "map<string;string>";

const schema = new ProtobufSchema({
  "pb.Platform": "1 Architecture string, 2 OS string, 3 Variant string, 4 OSVersion string, 5 OSFeatures string*",
  "pb.Input": "1 digest string, 2 index int64",
  "pb.SourceOp": `1 identifier string, 2 attrs ${STRINGS}`,
  "pb.Op":
    "1 inputs pb.Input*, 2 exec pb.ExecOp, 3 source pb.SourceOp, 4 file pb.FileOp, 5 build pb.BuildOp, 6 merge pb.MergeOp, " +
    "7 diff pb.DiffOp, 10 platform pb.Platform",
  "pb.BuildOp": "1 builder int64",
  "pb.ExecOp":
    "1 meta pb.Meta, 2 mounts pb.Mount*, 3 network int32, 4 security int32, 5 secretenv pb.SecretEnv*, 6 cdiDevices pb.CDIDevice*",
  "pb.CDIDevice": "1 name string, 2 optional bool",
  "pb.Meta":
    "1 args string*, 2 env string*, 3 cwd string, 4 user string, 5 proxy_env pb.ProxyEnv, 6 extraHosts pb.HostIP*, " +
    "7 hostname string, 9 ulimit pb.Ulimit*, 10 cgroupParent string, 12 validExitCodes int32*",
  "pb.ProxyEnv": "1 http_proxy string, 2 https_proxy string, 3 ftp_proxy string, 4 no_proxy string, 5 all_proxy string",
  "pb.HostIP": "1 Host string, 2 IP string",
  "pb.Ulimit": "1 Name string, 2 Soft int64, 3 Hard int64",
  "pb.SecretEnv": "1 ID string, 2 name string, 3 optional bool",
  "pb.Mount":
    "1 input int64, 2 selector string, 3 dest string, 4 output int64, 5 readonly bool, 6 mountType int32, " +
    "19 TmpfsOpt pb.TmpfsOpt, 20 cacheOpt pb.CacheOpt, 21 secretOpt pb.SecretOpt, 22 SSHOpt pb.SecretOpt",
  "pb.TmpfsOpt": "1 size int64",
  "pb.CacheOpt": "1 ID string, 2 sharing int32",
  "pb.SecretOpt": "1 ID string, 2 uid uint32, 3 gid uint32, 4 mode uint32, 5 optional bool",
  "pb.FileOp": "2 actions pb.FileAction*",
  "pb.FileAction":
    "1 input int64, 2 secondaryInput int64, 3 output int64, 4 copy pb.FileActionCopy, 5 mkfile pb.FileActionMkFile, " +
    "6 mkdir pb.FileActionMkDir, 7 rm pb.FileActionRm, 8 symlink pb.FileActionSymlink",
  "pb.FileActionCopy":
    "1 src string, 2 dest string, 3 owner pb.ChownOpt, 4 mode int32, 5 followSymlink bool, 6 dirCopyContents bool, " +
    "7 attemptUnpackDockerCompatibility bool, 8 createDestPath bool, 9 allowWildcard bool, 10 allowEmptyWildcard bool, " +
    "11 timestamp int64, 12 include_patterns string*, 13 exclude_patterns string*, 14 alwaysReplaceExistingDestPaths bool, " +
    "15 modeStr string",
  "pb.FileActionMkFile": "1 path string, 2 mode int32, 3 data bytes, 4 owner pb.ChownOpt, 5 timestamp int64",
  "pb.FileActionMkDir": "1 path string, 2 mode int32, 3 makeParents bool, 4 owner pb.ChownOpt, 5 timestamp int64",
  "pb.FileActionRm": "1 path string, 2 allowNotFound bool, 3 allowWildcard bool",
  "pb.FileActionSymlink": "1 oldpath string, 2 newpath string",
  "pb.ChownOpt": "1 user pb.UserOpt, 2 group pb.UserOpt",
  "pb.UserOpt": "1 byName pb.NamedUserOpt, 2 byID uint32",
  "pb.NamedUserOpt": "1 name string, 2 input int64",
  "pb.MergeInput": "1 input int64",
  "pb.MergeOp": "1 inputs pb.MergeInput*",
  "pb.DiffInput": "1 input int64",
  "pb.DiffOp": "1 lower pb.DiffInput, 2 upper pb.DiffInput",
});

interface WireUser {
  byName?: { name: string };
  byID: number;
}
export interface WireOwner {
  user?: WireUser;
  group?: WireUser;
}
export interface WireMount {
  input: number;
  selector: string;
  dest: string;
  output: number;
  readonly: boolean;
  mountType: number;
  TmpfsOpt?: { size: number };
  cacheOpt?: { ID: string; sharing: number };
  secretOpt?: WireSecret;
  SSHOpt?: WireSecret;
}
interface WireSecret {
  ID: string;
  uid: number;
  gid: number;
  mode: number;
  optional: boolean;
}
export interface WireExec {
  meta?: {
    args: string[];
    env: string[];
    cwd: string;
    user: string;
    proxy_env?: Record<string, string>;
    extraHosts: { Host: string; IP: string }[];
    hostname: string;
    ulimit: { Name: string; Soft: number; Hard: number }[];
    cgroupParent: string;
    validExitCodes: number[];
  };
  mounts: WireMount[];
  network: number;
  security: number;
  secretenv: { ID: string; name: string; optional: boolean }[];
  cdiDevices: { name: string; optional: boolean }[];
}
export interface WireCopy {
  src: string;
  dest: string;
  owner?: WireOwner;
  mode: number;
  dirCopyContents: boolean;
  attemptUnpackDockerCompatibility: boolean;
  allowWildcard: boolean;
  allowEmptyWildcard: boolean;
  timestamp: number;
  include_patterns: string[];
  exclude_patterns: string[];
  alwaysReplaceExistingDestPaths: boolean;
  modeStr: string;
}
export interface WireAction {
  input: number;
  secondaryInput: number;
  output: number;
  copy?: WireCopy;
  mkfile?: { path: string; mode: number; data: Uint8Array; owner?: WireOwner; timestamp: number };
  mkdir?: { path: string; mode: number; makeParents: boolean; owner?: WireOwner; timestamp: number };
  rm?: { path: string; allowNotFound: boolean; allowWildcard: boolean };
  symlink?: { oldpath: string; newpath: string };
}
export interface WireOperation {
  inputs: { digest: string; index: number }[];
  exec?: WireExec;
  source?: { identifier: string; attrs: Record<string, string> };
  file?: { actions: WireAction[] };
  build?: object;
  merge?: { inputs: { input: number }[] };
  diff?: { lower?: { input: number }; upper?: { input: number } };
  platform?: { Architecture: string; OS: string; Variant: string };
}

export const graphOperation = schema.codec<WireOperation>("pb.Op");
