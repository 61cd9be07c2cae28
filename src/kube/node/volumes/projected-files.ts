/** The files of one projected volume: collected from the API and written so that readers see all of the old or all of the new. */

import { chmod, chown, mkdir, readdir, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { OneAtATime } from "../../../lib/one-at-a-time.ts";
import type { ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, Secret } from "../../../model/kubernetes/core.ts";
import { CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS } from "../../../model/kubernetes/names.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { fieldValue, type PodFacts, resourceValue } from "../downward-values.ts";
import type { NodeContext } from "../node-context.ts";
import type { Projection, ProjectionSource } from "./projections.ts";

/** Points to the directory with the present files; the names beside it are links through it. */
const DATA_LINK = "..data";
/** A token is renewed when so much of its life is over. */
const RENEW_AFTER = 0.8;

interface WantedFile {
  content: Buffer;
  mode: number;
}

export class ProjectedFiles {
  #written = "";
  #tokens = new Map<string, { token: string; renewAt: number }>();
  readonly #writes = new OneAtATime();

  constructor(
    readonly context: NodeContext,
    readonly directory: string,
    readonly projection: Projection,
  ) {}

  get renewAt(): number | undefined {
    const times = [...this.#tokens.values()].map(({ renewAt }) => renewAt);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  shows(kind: "configmap" | "secret", name: string): boolean {
    return this.projection.sources.some((source) => source.kind === kind && source.name === name);
  }

  /** @throws Error in node agents' words when something that is not optional is missing */
  write(pod: Stored<Pod>, facts: PodFacts): Promise<void> {
    return this.#writes.run(() => this.#write(pod, facts));
  }

  async #write(pod: Stored<Pod>, facts: PodFacts): Promise<void> {
    const files = new Map<string, WantedFile>();
    for (const source of this.projection.sources) {
      for (const [path, file] of await this.#collect(source, pod, facts)) files.set(checkPath(path), file);
    }
    const group = pod.spec?.securityContext?.fsGroup;
    const print = [...files]
      .map(([path, { content, mode }]) => `${path} ${mode} ${content.toString("base64")}`)
      .join("\n");
    if (print === this.#written && this.#written !== "") return;
    await replaceFiles(this.directory, files, group);
    this.#written = print;
  }

  async #collect(source: ProjectionSource, pod: Stored<Pod>, facts: PodFacts): Promise<[string, WantedFile][]> {
    const { mode } = this.projection;
    switch (source.kind) {
      case "configmap": {
        const found = this.context.client.informer(CONFIG_MAPS).get(pod.metadata.namespace, source.name);
        if (found !== undefined) return pick(configMapContents(found), source, mode);
        if (source.optional) return [];
        throw new Error(`configmap "${source.name}" not found`);
      }
      case "secret": {
        const found = this.context.client.informer(SECRETS).get(pod.metadata.namespace, source.name);
        if (found !== undefined) return pick(secretContents(found), source, mode);
        if (source.optional) return [];
        throw new Error(`secret "${source.name}" not found`);
      }
      case "downward":
        return source.items.map((item) => [
          item.path,
          { content: Buffer.from(downwardContent(pod, item, facts)), mode: item.mode ?? mode },
        ]);
      case "token":
        return [[source.path, { content: Buffer.from(await this.#token(source, pod)), mode: tokenMode(pod, mode) }]];
      default:
        throw new Error(`this node cannot project ${source.what} into a volume`);
    }
  }

  async #token(source: Extract<ProjectionSource, { kind: "token" }>, pod: Stored<Pod>): Promise<string> {
    const known = this.#tokens.get(source.path);
    if (known !== undefined && known.renewAt > Date.now()) return known.token;
    const { metadata, spec } = pod;
    const { expirationSeconds, audience } = source;
    const account = spec?.serviceAccountName || "default";
    const answer = (await this.context.client
      .resource(SERVICE_ACCOUNTS)
      .postSubresource(metadata.namespace, account, "token", {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        metadata: {},
        spec: {
          audiences: audience ? [audience] : [],
          expirationSeconds,
          boundObjectRef: { apiVersion: "v1", kind: "Pod", name: metadata.name, uid: metadata.uid },
        },
      })) as { status?: { token?: string } };
    const token = answer.status?.token;
    if (!token) throw new Error(`the API gave no token for the service account ${account}`);
    this.#tokens.set(source.path, { token, renewAt: Date.now() + expirationSeconds * 1000 * RENEW_AFTER });
    return token;
  }
}

/** Only the pod's own user needs a token; with a group for files, that. */
function tokenMode(pod: Stored<Pod>, mode: number): number {
  if (pod.spec?.securityContext?.fsGroup !== undefined) return 0o640;
  return mode;
}

function configMapContents({ data = {}, binaryData = {} }: ConfigMap): Map<string, Buffer> {
  return new Map([
    ...Object.entries(data).map(([key, value]) => [key, Buffer.from(value)] as const),
    ...Object.entries(binaryData).map(([key, value]) => [key, Buffer.from(value, "base64")] as const),
  ]);
}

function secretContents({ data = {} }: Secret): Map<string, Buffer> {
  return new Map(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64")]));
}

function pick(
  contents: ReadonlyMap<string, Buffer>,
  { items, optional }: { items: readonly KeyToPath[] | undefined; optional: boolean },
  mode: number,
): [string, WantedFile][] {
  if (items === undefined || items.length === 0) {
    return [...contents].map(([key, content]) => [key, { content, mode }]);
  }
  return items.flatMap(({ key, path, mode: own }): [string, WantedFile][] => {
    const content = contents.get(key);
    if (content !== undefined) return [[path, { content, mode: own ?? mode }]];
    if (optional) return [];
    throw new Error(`references non-existent config key: ${key}`);
  });
}

function downwardContent(pod: Stored<Pod>, item: DownwardAPIVolumeFile, facts: PodFacts): string {
  const { fieldRef, resourceFieldRef, path } = item;
  if (fieldRef) {
    const value = fieldValue(pod, fieldRef.fieldPath, facts);
    if (value !== undefined) return value;
    throw new Error(`unsupported fieldPath: ${fieldRef.fieldPath}`);
  }
  const all = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const owner = all.find(({ name }) => name === resourceFieldRef?.containerName);
  const value = owner && resourceFieldRef && resourceValue(owner, resourceFieldRef);
  if (value === undefined) throw new Error(`the file ${path} names no container and resource that there is`);
  return value;
}

function checkPath(path: string): string {
  if (path === "" || path.startsWith("/") || path.split("/").some((part) => part === "..")) {
    throw new Error(`the path ${path} is not below the volume`);
  }
  return path;
}

/** Files go into a new directory; then the link is turned to it, in one step. */
async function replaceFiles(
  directory: string,
  files: ReadonlyMap<string, WantedFile>,
  group: number | undefined,
): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  await chmod(directory, 0o755);
  const name = `..${new Date().toISOString().replace(/[-:T.Z]/g, "_")}${Math.floor(Math.random() * 1e9)}`;
  const fresh = `${directory}/${name}`;
  await mkdir(fresh, { mode: 0o755 });
  const made = new Set<string>();
  for (const [path, { content, mode }] of files) {
    const target = `${fresh}/${path}`;
    const parent = dirname(target);
    if (parent !== fresh && !made.has(parent)) {
      await mkdir(parent, { recursive: true, mode: 0o755 });
      made.add(parent);
    }
    await writeFile(target, content, { mode });
    if (group !== undefined) await chown(target, 0, group);
    await chmod(target, group === undefined ? mode : mode | 0o440);
  }
  const before = await readlink(`${directory}/${DATA_LINK}`).catch(() => undefined);
  await symlink(name, `${directory}/${DATA_LINK}_tmp`);
  await rename(`${directory}/${DATA_LINK}_tmp`, `${directory}/${DATA_LINK}`);
  await linkNames(directory, new Set([...files.keys()].map((path) => path.split("/")[0]!)));
  if (before !== undefined) await rm(`${directory}/${before}`, { recursive: true, force: true });
}

async function linkNames(directory: string, wanted: ReadonlySet<string>): Promise<void> {
  const present = (await readdir(directory)).filter((name) => !name.startsWith(".."));
  await Promise.all([
    ...present.filter((name) => !wanted.has(name)).map((name) => rm(`${directory}/${name}`, { force: true })),
    ...[...wanted]
      .filter((name) => !present.includes(name))
      .map((name) => symlink(`${DATA_LINK}/${name}`, `${directory}/${name}`)),
  ]);
}
