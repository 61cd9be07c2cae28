/** Images of pods: there, or brought here by the pull policy; a failed pull waits longer each time. */

import type { RegistryCredentials } from "../../distribution/contract.ts";
import type { Engine } from "../../engine/contract.ts";
import { errorText, isKind } from "../../lib/errors.ts";
import { parseReference } from "../../lib/image-reference.ts";
import { ConfigError } from "./config-error.ts";
import { BackOff } from "./restart-back-off.ts";

export interface PresentImage {
  id: string;
  /** "name@sha256:…" where one is known, else the id: what status.imageID says. */
  imageId: string;
  user: string;
  /** Made here, not brought from a registry. */
  isLocal: boolean;
}

/** A pull that failed, or one that must wait because it failed before. */
export class PullError extends Error {
  constructor(
    message: string,
    readonly reason: "ErrImagePull" | "ImagePullBackOff",
    /** When it is tried again. */
    readonly retryMs: number,
  ) {
    super(message);
    this.name = "PullError";
  }
}

interface PullTelling {
  /** A pull begins. */
  begins(): void;
  ended(seconds: number, bytes: number): void;
}

export class ImagePresence {
  readonly #engine: Engine;
  readonly #pulls = new Map<string, Promise<void>>();
  readonly #backOffs = new Map<string, { backOff: BackOff; failedAt: number; message: string }>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * @param credentials asked in this order, none last
   * @throws {PullError}; {ConfigError} for a name that is none, or for policy Never without the image
   */
  async ensure(
    image: string,
    policy: string,
    credentials: readonly RegistryCredentials[],
    telling: PullTelling,
    signal: AbortSignal,
  ): Promise<{ image: PresentImage; wasPresent: boolean }> {
    checkName(image);
    const present = await this.#find(image);
    // What was built here has no registry to ask.
    if (present !== undefined && (policy !== "Always" || present.isLocal)) return { image: present, wasPresent: true };
    if (policy === "Never") {
      throw new ConfigError(`Container image "${image}" is not present with pull policy of Never`, "ErrImageNeverPull");
    }
    await this.#pull(image, credentials, telling, signal);
    const pulled = await this.#find(image);
    if (pulled === undefined) throw new PullError(`the image ${image} is gone again`, "ErrImagePull", 0);
    return { image: pulled, wasPresent: false };
  }

  async #find(image: string): Promise<PresentImage | undefined> {
    try {
      const { Id, RepoDigests, Config } = await this.#engine.images.inspect(image);
      const isLocal = (RepoDigests?.length ?? 0) === 0;
      return { id: Id, imageId: RepoDigests?.[0] ?? Id, user: Config?.User ?? "", isLocal };
    } catch (error) {
      if (isKind(error, "not-found")) return undefined;
      throw error;
    }
  }

  async #pull(
    image: string,
    credentials: readonly RegistryCredentials[],
    telling: PullTelling,
    signal: AbortSignal,
  ): Promise<void> {
    const known = this.#backOffs.get(image);
    const waitMs = known?.backOff.waitMs(known.failedAt, Date.now()) ?? 0;
    if (known !== undefined && waitMs > 0) {
      throw new PullError(`Back-off pulling image "${image}": ${known.message}`, "ImagePullBackOff", waitMs);
    }
    const key = `${image} ${JSON.stringify(credentials)}`;
    let pull = this.#pulls.get(key);
    if (pull === undefined) {
      pull = this.#pullWithAny(image, credentials, telling, signal).finally(() => this.#pulls.delete(key));
      this.#pulls.set(key, pull);
    }
    try {
      await pull;
      this.#backOffs.delete(image);
    } catch (error) {
      signal.throwIfAborted();
      const entry = this.#backOffs.get(image) ?? { backOff: new BackOff(), failedAt: 0, message: "" };
      entry.backOff.attempt(Date.now());
      const message = errorText(error);
      this.#backOffs.set(image, { ...entry, failedAt: Date.now(), message: `ErrImagePull: ${message}` });
      throw new PullError(message, "ErrImagePull", entry.backOff.delayMs);
    }
  }

  async #pullWithAny(
    image: string,
    credentials: readonly RegistryCredentials[],
    telling: PullTelling,
    signal: AbortSignal,
  ): Promise<void> {
    telling.begins();
    const startedAt = Date.now();
    let failure: unknown;
    for (const one of [...credentials, undefined]) {
      try {
        await this.#pullOnce(image, one, signal);
        const { Size } = await this.#engine.images.inspect(image);
        telling.ended((Date.now() - startedAt) / 1000, Size ?? 0);
        return;
      } catch (error) {
        failure = error;
        signal.throwIfAborted();
      }
    }
    throw failure;
  }

  async #pullOnce(image: string, credentials: RegistryCredentials | undefined, signal: AbortSignal): Promise<void> {
    const name = image.includes("@") || /:[^/]+$/.test(image) ? image : `${image}:latest`;
    const request = { name, platform: "", ...(credentials === undefined ? {} : { credentials }) };
    for await (const line of this.#engine.images.pull(request, signal)) {
      const { error } = line as { error?: string };
      if (error !== undefined) throw new Error(error);
    }
  }
}

function checkName(image: string): void {
  try {
    parseReference(image);
  } catch (error) {
    throw new ConfigError(`Failed to apply default image tag "${image}": ${errorText(error)}`, "InvalidImageName");
  }
}
