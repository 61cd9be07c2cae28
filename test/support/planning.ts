/** A build request and services for the frontend alone: the only image is busybox, and nothing is fetched or run. */
import type { BuildRequest, BuildWarning, ClientLayout, ContextSource } from "../../src/build/contract.ts";
import type { PlanningServices, ResolvedImage } from "../../src/build/solver/graph.ts";
import { NaruError } from "../../src/lib/errors.ts";
import type { Digest, ImageConfig, Platform } from "../../src/model/image.ts";
import { bareRequest } from "./build-request.ts";

const ID: Digest = `sha256:${"b".repeat(64)}`;
const LAYER: Digest = `sha256:${"1".repeat(64)}`;

export function testContext(name = "context"): ContextSource {
  return { name, sync: () => Promise.reject(new Error("planning must not sync files")) };
}

export function testRequest(dockerfile: string, changes: Partial<BuildRequest> = {}): BuildRequest {
  return bareRequest(dockerfile, { context: testContext(), ...changes });
}

/** `images`: configurations by full name; busybox is always there. */
export class TestServices implements PlanningServices {
  readonly signal = new AbortController().signal;
  readonly asked: string[] = [];

  constructor(
    private readonly images: Record<string, Partial<ImageConfig>> = {},
    private readonly files: Record<string, string> = {},
  ) {}

  async resolveImage(name: string, { platform }: { platform: Platform }): Promise<ResolvedImage> {
    this.asked.push(name);
    const own = name === "docker.io/library/busybox:latest" ? {} : this.images[name];
    if (!own) throw new NaruError("not-found", `${name}: not found`);
    const config: ImageConfig = {
      architecture: platform.architecture,
      os: platform.os,
      rootfs: { type: "layers", diff_ids: [LAYER] },
      history: [{ comment: "Imported from -" }],
      config: { Cmd: ["sh"] },
      ...own,
    };
    const { architecture, os } = config;
    return { name, canonical: name, id: ID, platform: { architecture, os }, config };
  }

  readonly warned: string[] = [];
  warn({ rule }: BuildWarning): void {
    this.warned.push(rule);
  }

  resolveLayout(layout: ClientLayout): Promise<ResolvedImage> {
    return Promise.reject(new NaruError("not-found", `the OCI layout ${layout.name} is not there`));
  }

  async readContextFile(context: ContextSource, path: string): Promise<Uint8Array | undefined> {
    const text = this.files[`${context.name}:${path}`];
    return text === undefined ? undefined : new TextEncoder().encode(text);
  }
}
