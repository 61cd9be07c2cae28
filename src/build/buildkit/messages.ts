/** The messages of BuildKit's protocol that naru speaks (moby.buildkit.v1 and its neighbours), as the clients name them. */
import { type MessageCodec, ProtobufSchema } from "./protobuf-schema.ts";

const CONTROL = "moby.buildkit.v1";
const GATEWAY = "moby.buildkit.v1.frontend";
const STAMP = "google.protobuf.Timestamp";
const STRINGS = "map<string;string>";
/** containerd's content store, which clients serve for their layouts and builders for their history. */
const CONTENT = "containerd.services.content.v1";

const schema = new ProtobufSchema({
  [STAMP]: "1 seconds int64, 2 nanos int32",
  "google.protobuf.Any": "1 type_url string, 2 value bytes",
  "google.rpc.Status": "1 code int32, 2 message string, 3 details google.protobuf.Any*",
  "pb.Platform": "1 Architecture string, 2 OS string, 3 Variant string, 4 OSVersion string, 5 OSFeatures string*",
  "pb.Definition": "1 def bytes*, 2 metadata map<string;pb.OpMetadata>, 3 Source pb.Source",
  "pb.OpMetadata": `1 ignore_cache bool, 2 description ${STRINGS}`,
  // Clients want it to be there; what could be in it says nothing to naru.
  "pb.Source": "",
  "pb.Position": "1 line int32, 2 character int32",
  "pb.Range": "1 start pb.Position, 2 end pb.Position",
  "pb.SourceInfo": "1 filename string, 2 data bytes, 3 definition pb.Definition, 4 language string",
  "pb.ProgressGroup": "1 id string, 2 name string, 3 weak bool",
  "pb.Input": "1 digest string, 2 index int64",
  "pb.SourceOp": `1 identifier string, 2 attrs ${STRINGS}`,
  "pb.Op": "1 inputs pb.Input*, 3 source pb.SourceOp",
  "errdefs.Source": "1 info pb.SourceInfo, 2 ranges pb.Range*",
  [`${CONTROL}.PruneRequest`]:
    "1 filter string*, 2 all bool, 3 keepDuration int64, 4 reservedSpace int64, 5 maxUsedSpace int64, 6 minFreeSpace int64",
  [`${CONTROL}.DiskUsageRequest`]: "1 filter string*, 2 ageLimit int64",
  [`${CONTROL}.DiskUsageResponse`]: `1 record ${CONTROL}.UsageRecord*`,
  [`${CONTROL}.UsageRecord`]:
    `1 ID string, 2 Mutable bool, 3 InUse bool, 4 Size int64, 5 Parent string, 6 CreatedAt ${STAMP}, 7 LastUsedAt ${STAMP}, ` +
    "8 UsageCount int64, 9 Description string, 10 RecordType string, 11 Shared bool, 12 Parents string*",
  [`${CONTROL}.Exporter`]: `1 Type string, 2 Attrs ${STRINGS}`,
  [`${CONTROL}.CacheOptionsEntry`]: `1 Type string, 2 Attrs ${STRINGS}`,
  [`${CONTROL}.CacheOptions`]:
    `1 ExportRefDeprecated string, 2 ImportRefsDeprecated string*, 3 ExportAttrsDeprecated ${STRINGS}, ` +
    `4 Exports ${CONTROL}.CacheOptionsEntry*, 5 Imports ${CONTROL}.CacheOptionsEntry*`,
  [`${CONTROL}.SolveRequest`]:
    `1 Ref string, 2 Definition pb.Definition, 3 ExporterDeprecated string, 4 ExporterAttrsDeprecated ${STRINGS}, ` +
    `5 Session string, 6 Frontend string, 7 FrontendAttrs ${STRINGS}, 8 Cache ${CONTROL}.CacheOptions, ` +
    "9 Entitlements string*, 10 FrontendInputs map<string;pb.Definition>, 11 Internal bool, " +
    `13 Exporters ${CONTROL}.Exporter*, 14 EnableSessionExporter bool`,
  [`${CONTROL}.SolveResponse`]: `1 ExporterResponse ${STRINGS}`,
  [`${CONTROL}.StatusRequest`]: "1 Ref string",
  [`${CONTROL}.StatusResponse`]:
    `1 vertexes ${CONTROL}.Vertex*, 2 statuses ${CONTROL}.VertexStatus*, 3 logs ${CONTROL}.VertexLog*, ` +
    `4 warnings ${CONTROL}.VertexWarning*`,
  [`${CONTROL}.Vertex`]:
    `1 digest string, 2 inputs string*, 3 name string, 4 cached bool, 5 started ${STAMP}, 6 completed ${STAMP}, ` +
    "7 error string, 8 progressGroup pb.ProgressGroup",
  [`${CONTROL}.VertexStatus`]:
    `1 ID string, 2 vertex string, 3 name string, 4 current int64, 5 total int64, 6 timestamp ${STAMP}, ` +
    `7 started ${STAMP}, 8 completed ${STAMP}`,
  [`${CONTROL}.VertexLog`]: `1 vertex string, 2 timestamp ${STAMP}, 3 stream int64, 4 msg bytes`,
  [`${CONTROL}.VertexWarning`]:
    "1 vertex string, 2 level int64, 3 short bytes, 4 detail bytes*, 5 url string, 6 info pb.SourceInfo, 7 ranges pb.Range*",
  [`${CONTROL}.ListWorkersRequest`]: "1 filter string*",
  [`${CONTROL}.ListWorkersResponse`]: `1 record ${CONTROL}.types.WorkerRecord*`,
  [`${CONTROL}.types.BuildkitVersion`]: "1 package string, 2 version string, 3 revision string",
  [`${CONTROL}.types.GCPolicy`]:
    "1 all bool, 2 keepDuration int64, 3 reservedSpace int64, 4 filters string*, 5 maxUsedSpace int64, 6 minFreeSpace int64",
  [`${CONTROL}.types.WorkerRecord`]:
    `1 ID string, 2 Labels ${STRINGS}, 3 platforms pb.Platform*, 4 GCPolicy ${CONTROL}.types.GCPolicy*, ` +
    `5 BuildkitVersion ${CONTROL}.types.BuildkitVersion`,
  [`${CONTROL}.InfoResponse`]: `1 buildkitVersion ${CONTROL}.types.BuildkitVersion`,
  [`${CONTROL}.Descriptor`]: `1 media_type string, 2 digest string, 3 size int64, 5 annotations ${STRINGS}`,
  [`${CONTROL}.BuildResultInfo`]:
    `1 ResultDeprecated ${CONTROL}.Descriptor, 2 Attestations ${CONTROL}.Descriptor*, ` +
    `3 Results map<int64;${CONTROL}.Descriptor>`,
  [`${CONTROL}.BuildHistoryRequest`]:
    "1 ActiveOnly bool, 2 Ref string, 3 EarlyExit bool, 4 Filter string*, 5 Limit int32",
  [`${CONTROL}.BuildHistoryRecord`]:
    `1 Ref string, 2 Frontend string, 3 FrontendAttrs ${STRINGS}, 4 Exporters ${CONTROL}.Exporter*, ` +
    `5 error google.rpc.Status, 6 CreatedAt ${STAMP}, 7 CompletedAt ${STAMP}, 8 logs ${CONTROL}.Descriptor, ` +
    `9 ExporterResponse ${STRINGS}, 10 Result ${CONTROL}.BuildResultInfo, ` +
    `11 Results map<string;${CONTROL}.BuildResultInfo>, 12 Generation int32, 13 trace ${CONTROL}.Descriptor, ` +
    "14 pinned bool, 15 numCachedSteps int32, 16 numTotalSteps int32, 17 numCompletedSteps int32, " +
    `18 externalError ${CONTROL}.Descriptor, 19 numWarnings int32`,
  [`${CONTROL}.BuildHistoryEvent`]: `1 type int32, 2 record ${CONTROL}.BuildHistoryRecord`,
  [`${CONTROL}.UpdateBuildHistoryRequest`]: "1 Ref string, 2 Pinned bool, 3 Delete bool, 4 Finalize bool",
  [`${CONTROL}.BytesMessage`]: "1 data bytes",
  [`${CONTROL}.apicaps.APICap`]:
    "1 ID string, 2 Enabled bool, 3 Deprecated bool, 4 DisabledReason string, 5 DisabledReasonMsg string, " +
    "6 DisabledAlternative string",
  [`${GATEWAY}.Ref`]: "1 id string, 2 def pb.Definition",
  [`${GATEWAY}.RefMap`]: `1 refs map<string;${GATEWAY}.Ref>`,
  [`${GATEWAY}.Result`]: `3 ref ${GATEWAY}.Ref, 4 refs ${GATEWAY}.RefMap, 10 metadata map<string;bytes>`,
  [`${GATEWAY}.ReturnRequest`]: `1 result ${GATEWAY}.Result, 2 error google.rpc.Status`,
  [`${GATEWAY}.InputsResponse`]: "1 Definitions map<string;pb.Definition>",
  [`${GATEWAY}.SolveRequest`]:
    `1 Definition pb.Definition, 2 Frontend string, 3 FrontendOpt ${STRINGS}, 5 allowResultReturn bool, ` +
    `6 allowResultArrayRef bool, 10 Final bool, 11 ExporterAttr bytes, 12 CacheImports ${GATEWAY}.CacheOptionsEntry*, ` +
    "13 FrontendInputs map<string;pb.Definition>, 14 Evaluate bool",
  [`${GATEWAY}.CacheOptionsEntry`]: `1 Type string, 2 Attrs ${STRINGS}`,
  [`${GATEWAY}.SolveResponse`]: `1 ref string, 3 result ${GATEWAY}.Result`,
  [`${GATEWAY}.EvaluateRequest`]: "1 Ref string",
  [`${GATEWAY}.ReadFileRequest`]: `1 Ref string, 2 FilePath string, 3 Range ${GATEWAY}.FileRange`,
  [`${GATEWAY}.FileRange`]: "1 Offset int64, 2 Length int64",
  [`${GATEWAY}.ReadFileResponse`]: "1 Data bytes",
  [`${GATEWAY}.StatFileRequest`]: "1 Ref string, 2 Path string",
  [`${GATEWAY}.StatFileResponse`]: "1 stat fsutil.types.Stat",
  [`${GATEWAY}.ReadDirRequest`]: "1 Ref string, 2 DirPath string, 3 IncludePattern string",
  [`${GATEWAY}.ReadDirResponse`]: "1 entries fsutil.types.Stat*",
  "fsutil.types.Stat":
    "1 path string, 2 mode uint32, 3 uid uint32, 4 gid uint32, 5 size int64, 6 modTime int64, 7 linkname string",
  [`${GATEWAY}.PongResponse`]:
    `1 FrontendAPICaps ${CONTROL}.apicaps.APICap*, 2 LLBCaps ${CONTROL}.apicaps.APICap*, ` +
    `3 Workers ${CONTROL}.types.WorkerRecord*`,
  "moby.filesync.v1.CredentialsRequest": "1 Host string",
  "moby.filesync.v1.CredentialsResponse": "1 Username string, 2 Secret string",
  "moby.buildkit.secrets.v1.GetSecretRequest": `1 ID string, 2 annotations ${STRINGS}`,
  "moby.buildkit.secrets.v1.GetSecretResponse": "1 data bytes",
  "moby.sshforward.v1.CheckAgentRequest": "1 ID string",
  [`${CONTENT}.Info`]: `1 digest string, 2 size int64, 3 created_at ${STAMP}, 4 updated_at ${STAMP}, 5 labels ${STRINGS}`,
  [`${CONTENT}.InfoRequest`]: "1 digest string",
  [`${CONTENT}.InfoResponse`]: `1 info ${CONTENT}.Info`,
  [`${CONTENT}.ReadContentRequest`]: "1 digest string, 2 offset int64, 3 size int64",
  [`${CONTENT}.ReadContentResponse`]: "1 offset int64, 2 data bytes",
  [`${CONTENT}.WriteContentRequest`]: `1 action int32, 2 ref string, 3 total int64, 4 expected string, 5 offset int64, 6 data bytes, 7 labels ${STRINGS}`,
  [`${CONTENT}.WriteContentResponse`]: `1 action int32, 2 started_at ${STAMP}, 3 updated_at ${STAMP}, 4 offset int64, 5 total int64, 6 digest string`,
});

/** Seconds and nanoseconds since 1970. */
export interface Timestamp {
  seconds: number;
  nanos: number;
}
export interface Attributes {
  Type: string;
  Attrs: Record<string, string>;
}
export interface SolveRequest {
  Ref: string;
  Definition?: WireDefinition;
  ExporterDeprecated: string;
  ExporterAttrsDeprecated: Record<string, string>;
  Session: string;
  Frontend: string;
  FrontendAttrs: Record<string, string>;
  Cache?: { Exports: Attributes[]; Imports: Attributes[] };
  Entitlements: string[];
  FrontendInputs: Record<string, WireDefinition>;
  /** The client's own questions: no build that its user would look for. */
  Internal: boolean;
  Exporters: Attributes[];
  EnableSessionExporter: boolean;
}
interface Vertex {
  digest: string;
  inputs: string[];
  name: string;
  cached: boolean;
  started?: Timestamp;
  completed?: Timestamp;
  error: string;
  progressGroup?: { id: string; name: string; weak: boolean };
}
export interface StatusResponse {
  vertexes: Partial<Vertex>[];
  statuses: {
    ID: string;
    vertex: string;
    name: string;
    current: number;
    total: number;
    timestamp: Timestamp;
    started?: Timestamp;
    completed?: Timestamp;
  }[];
  logs: { vertex: string; timestamp: Timestamp; stream: number; msg: Uint8Array }[];
  warnings: {
    vertex: string;
    level: number;
    short: Uint8Array;
    detail: Uint8Array[];
    url: string;
    info?: { filename: string; data: Uint8Array; language: string };
    ranges: WireRange[];
  }[];
}
interface WireRange {
  start: { line: number; character: number };
  end: { line: number; character: number };
}
export interface UsageRecord {
  ID: string;
  Mutable: boolean;
  InUse: boolean;
  Size: number;
  Parent: string;
  CreatedAt: Timestamp;
  LastUsedAt?: Timestamp;
  UsageCount: number;
  Description: string;
  RecordType: string;
  Shared: boolean;
  Parents: string[];
}
export interface WorkerRecord {
  ID: string;
  Labels: Record<string, string>;
  platforms: { Architecture: string; OS: string; Variant: string }[];
  GCPolicy: {
    all: boolean;
    keepDuration: number;
    filters: string[];
    reservedSpace: number;
    maxUsedSpace: number;
    minFreeSpace: number;
  }[];
  BuildkitVersion: { package: string; version: string; revision: string };
}
interface RpcStatus {
  code: number;
  message: string;
  details: { type_url: string; value: Uint8Array }[];
}
interface ApiCapability {
  ID: string;
  Enabled: boolean;
}
interface GatewaySolveRequest {
  Definition?: WireDefinition;
  Frontend: string;
  FrontendOpt: Record<string, string>;
  CacheImports: Attributes[];
  FrontendInputs: Record<string, WireDefinition>;
  Evaluate: boolean;
}
/** A graph of operations as it travels. */
export interface WireDefinition {
  def: Uint8Array[];
  /** By digest of the operation. */
  metadata?: Record<string, { ignore_cache?: boolean; description?: Record<string, string> }>;
  Source?: object;
}
export interface GatewayResult {
  ref?: { id: string; def?: WireDefinition };
  refs?: { refs: Record<string, { id: string }> };
  metadata: Record<string, Uint8Array>;
}

const control = <Message extends object>(name: string): MessageCodec<Message> => schema.codec(`${CONTROL}.${name}`);
const gateway = <Message extends object>(name: string): MessageCodec<Message> => schema.codec(`${GATEWAY}.${name}`);

export const solveRequest = control<SolveRequest>("SolveRequest");
export const solveResponse = control<{ ExporterResponse: Record<string, string> }>("SolveResponse");
export const statusRequest = control<{ Ref: string }>("StatusRequest");
export const statusResponse = control<StatusResponse>("StatusResponse");
export const listWorkersResponse = control<{ record: WorkerRecord[] }>("ListWorkersResponse");
export const infoResponse = control<{ buildkitVersion: WorkerRecord["BuildkitVersion"] }>("InfoResponse");
export const pruneRequest = control<{
  filter: string[];
  all: boolean;
  keepDuration: number;
  reservedSpace: number;
  maxUsedSpace: number;
  minFreeSpace: number;
}>("PruneRequest");
export const diskUsageRequest = control<{ filter: string[] }>("DiskUsageRequest");
export const diskUsageResponse = control<{ record: UsageRecord[] }>("DiskUsageResponse");
export interface WireDescriptor {
  media_type: string;
  digest: string;
  size: number;
  annotations: Record<string, string>;
}
export interface HistoryRecord {
  Ref: string;
  Frontend: string;
  FrontendAttrs: Record<string, string>;
  Exporters: Attributes[];
  error?: RpcStatus;
  CreatedAt: Timestamp;
  CompletedAt?: Timestamp;
  ExporterResponse: Record<string, string>;
  logs?: WireDescriptor;
  trace?: WireDescriptor;
  externalError?: WireDescriptor;
  Result?: { Attestations: WireDescriptor[]; Results: Record<string, WireDescriptor> };
  pinned: boolean;
  numCachedSteps: number;
  numTotalSteps: number;
  numCompletedSteps: number;
  numWarnings: number;
}
export const historyRequest = control<{
  ActiveOnly: boolean;
  Ref: string;
  EarlyExit: boolean;
  Filter: string[];
  Limit: number;
}>("BuildHistoryRequest");
export const historyEvent = control<{ type: number; record: HistoryRecord }>("BuildHistoryEvent");
export const updateHistoryRequest = control<{ Ref: string; Pinned: boolean; Delete: boolean; Finalize: boolean }>(
  "UpdateBuildHistoryRequest",
);
export const usageRecord = control<UsageRecord>("UsageRecord");
export const bytesMessage = control<{ data: Uint8Array }>("BytesMessage");
export const getSecretRequest = schema.codec<{ ID: string }>("moby.buildkit.secrets.v1.GetSecretRequest");
export const getSecretResponse = schema.codec<{ data: Uint8Array }>("moby.buildkit.secrets.v1.GetSecretResponse");
export const credentialsRequest = schema.codec<{ Host: string }>("moby.filesync.v1.CredentialsRequest");
export const credentialsResponse = schema.codec<{ Username: string; Secret: string }>(
  "moby.filesync.v1.CredentialsResponse",
);
export const checkAgentRequest = schema.codec<{ ID: string }>("moby.sshforward.v1.CheckAgentRequest");
const content = <Message extends object>(name: string): MessageCodec<Message> => schema.codec(`${CONTENT}.${name}`);
export const contentInfoRequest = content<{ digest: string }>("InfoRequest");
export const contentInfoResponse = content<{ info: { digest: string; size: number; labels: Record<string, string> } }>(
  "InfoResponse",
);
export const readContentRequest = content<{ digest: string; offset: number; size: number }>("ReadContentRequest");
export const readContentResponse = content<{ offset: number; data: Uint8Array }>("ReadContentResponse");
export const writeContentRequest = content<{
  action: number;
  ref: string;
  total: number;
  expected: string;
  offset: number;
  data: Uint8Array;
}>("WriteContentRequest");
export const writeContentResponse = content<{ action: number; offset: number; digest: string }>("WriteContentResponse");
export const gatewaySolveRequest = gateway<GatewaySolveRequest>("SolveRequest");
export const gatewaySolveResponse = gateway<{ result: GatewayResult }>("SolveResponse");
export const evaluateRequest = gateway<{ Ref: string }>("EvaluateRequest");
export const returnRequest = gateway<{ result?: GatewayResult; error?: RpcStatus }>("ReturnRequest");
export interface WireStat {
  path: string;
  /** Of Go's os.FileMode. */
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** Nanoseconds since 1970. */
  modTime: number;
  linkname: string;
}
export const readFileRequest = gateway<{ Ref: string; FilePath: string; Range?: { Offset: number; Length: number } }>(
  "ReadFileRequest",
);
export const readFileResponse = gateway<{ Data: Uint8Array }>("ReadFileResponse");
export const statFileRequest = gateway<{ Ref: string; Path: string }>("StatFileRequest");
export const statFileResponse = gateway<{ stat: WireStat }>("StatFileResponse");
export const readDirRequest = gateway<{ Ref: string; DirPath: string; IncludePattern: string }>("ReadDirRequest");
export const readDirResponse = gateway<{ entries: WireStat[] }>("ReadDirResponse");
export const pongResponse = gateway<{
  FrontendAPICaps: ApiCapability[];
  LLBCaps: ApiCapability[];
  Workers: WorkerRecord[];
}>("PongResponse");
/** One operation of a build graph, as far as naru knows of them. */
export const operation = schema.codec<{
  inputs: { digest: string; index: number }[];
  source?: { identifier: string };
}>("pb.Op");
export const rpcStatus = schema.codec<RpcStatus>("google.rpc.Status");
export const sourceDetail = schema.codec<{ info: StatusResponse["warnings"][number]["info"]; ranges: WireRange[] }>(
  "errdefs.Source",
);
