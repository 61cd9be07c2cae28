/** What the frontend asks for while it plans: images and their configurations, files of contexts. */
import { readFile } from "node:fs/promises";
import type { LocalImage } from "../../image/contract.ts";
import { isKind, NaruError } from "../../lib/errors.ts";
import {
  canonicalReference,
  familiarName,
  parseReference,
  type Reference,
  repositoryOf,
} from "../../lib/image-reference.ts";
import { platformText } from "../../lib/platform.ts";
import type { Platform } from "../../model/image.ts";
import type { BuildWarning, ClientLayout, ContextSource } from "../contract.ts";
import { type BuildRun, nowMs } from "./build-run.ts";
import type { SolverContext } from "./builder-parts.ts";
import { digestOf } from "./cache-key.ts";
import { placeInside } from "./exec-mounts.ts";
import type { PlanningServices, ResolvedImage } from "./graph.ts";
import { PullProgress } from "./pull-progress.ts";

type ImageOptions = Parameters<PlanningServices["resolveImage"]>[1];

export class BuildPlanning implements PlanningServices {
  readonly signal: AbortSignal;
  private readonly images = new Map<string, Promise<ResolvedImage>>();

  constructor(
    private readonly context: SolverContext,
    private readonly run: BuildRun,
  ) {
    this.signal = run.signal;
  }

  resolveImage(name: string, options: ImageOptions): Promise<ResolvedImage> {
    const key = `${name} ${platformText(options.platform)}`;
    const known = this.images.get(key);
    if (known) return known;
    const work = this.resolve(name, options);
    work.catch(() => {});
    this.images.set(key, work);
    return work;
  }

  async resolveLayout(layout: ClientLayout, { platform }: { platform: Platform }): Promise<ResolvedImage> {
    const name = `[internal] load metadata for oci-layout://${layout.name}`;
    const step = { digest: digestOf(name, platformText(platform)), name, inputs: [], cached: false };
    return await this.run.showing(step, async () => {
      const image = await this.context.layoutImages.bring(layout, platform, this.run);
      this.context.policy.admitRun(image.id, image);
      return describe(layout.name, undefined, image, platform);
    });
  }

  async readContextFile(context: ContextSource, path: string): Promise<Uint8Array | undefined> {
    const directory = await this.bring(context, path);
    try {
      return await readFile(placeInside(directory, path));
    } catch (error) {
      if (isKind(error, "not-found")) return undefined;
      throw error;
    }
  }

  private async bring(context: ContextSource, path: string): Promise<string> {
    const step = digestOf("read", context.name, path);
    const shown = { digest: step, name: `[context ${context.name}] load ${path}`, inputs: [], cached: false };
    const startedAt = nowMs();
    let current = 0;
    const tell = (times: { completedAt?: number }) => {
      const id = `transferring ${context.name}:`;
      this.run.emit({ type: "progress", step, id, name: "transferring", current, total: 0, startedAt, ...times });
    };
    return await this.run.showing(shown, async () => {
      const onTransfer = (bytes: number) => {
        current = bytes;
        tell({});
      };
      const directory = await context.sync({ include: [path], onTransfer, signal: this.signal });
      tell({ completedAt: nowMs() });
      return directory;
    });
  }

  /** Which step shows it is the clients' business. */
  warn(warning: BuildWarning): void {
    this.run.emit({ type: "warning", step: digestOf("definition"), warning });
  }

  private async resolve(name: string, options: ImageOptions): Promise<ResolvedImage> {
    const { platform, pull, group, showsPlatform } = options;
    const reference = /^sha256:[0-9a-f]{64}$/.test(name) ? undefined : parseReference(name);
    const full = reference ? canonicalReference(reference) : name;
    const prefix = showsPlatform ? `${platformText(platform)} ` : "";
    const step = {
      digest: digestOf("resolve", full, platformText(platform)),
      name: `[${prefix}internal] load metadata for ${full}`,
      inputs: [],
      cached: false,
      ...(group === undefined ? {} : { group }),
    };
    return await this.run.showing(step, async () => {
      const here = this.findHere(name, platform);
      if (here && !(pull && reference)) {
        this.context.policy.admitRun(name, here);
        return describe(name, reference, here, platform);
      }
      if (!reference) throw new NaruError("not-found", `${name}: not found`);
      await this.pull(reference, platform, step.digest);
      return describe(name, reference, this.context.images.getImage(full, platform), platform);
    });
  }

  private findHere(name: string, platform: Platform): LocalImage | undefined {
    try {
      return this.context.images.getImage(name, platform);
    } catch (error) {
      if (isKind(error, "not-found")) return undefined;
      throw error;
    }
  }

  private async pull(reference: Reference, platform: Platform, step: ResolvedImage["id"]): Promise<void> {
    const credentials = await this.run.request.session?.findCredentials(reference.domain, this.signal);
    const progress = new PullProgress(step, (event) => this.run.emit(event));
    try {
      const lines = this.context.images.pull(
        { reference, platform, ...(credentials ? { credentials } : {}) },
        { signal: this.signal },
      );
      for await (const line of lines) progress.take(line, nowMs());
    } catch (error) {
      this.signal.throwIfAborted();
      throw error;
    }
  }
}

function describe(
  name: string,
  reference: Reference | undefined,
  image: LocalImage,
  platform: Platform,
): ResolvedImage {
  return {
    name: reference ? familiarName(canonicalReference(reference)) : name,
    canonical: reference
      ? `${repositoryOf(reference)}${reference.tag ? `:${reference.tag}` : ""}@${image.id}`
      : image.id,
    id: image.id,
    platform,
    config: image.config,
  };
}
