/** How a container's configuration and its image's become one. */
import type { ContainerConfig, HealthConfig } from "../model/container.ts";

/** The container's own words win; environment, ports, volumes and labels are joined. Neither argument is changed. */
export function mergeImageConfig(own: ContainerConfig, image: ContainerConfig | undefined): ContainerConfig {
  if (image === undefined) return { ...own };
  const merged: ContainerConfig = { ...own };
  if (!own.User) merged.User = image.User ?? "";
  merged.ExposedPorts = joinKeys(own.ExposedPorts, image.ExposedPorts);
  merged.Volumes = joinKeys(own.Volumes, image.Volumes);
  merged.Env = mergeEnv(own.Env, image.Env);
  const labels = { ...image.Labels, ...own.Labels };
  merged.Labels = labels;
  // An entrypoint of one's own resets the image's command: it was meant for the image's entrypoint.
  if (!own.Entrypoint?.length) {
    if (!own.Cmd?.length) {
      merged.Cmd = image.Cmd ?? null;
      merged.ArgsEscaped = image.ArgsEscaped;
    }
    // [""] says: no entrypoint at all.
    if (own.Entrypoint === undefined || own.Entrypoint === null) merged.Entrypoint = image.Entrypoint ?? null;
  }
  merged.Healthcheck = mergeHealth(own.Healthcheck, image.Healthcheck);
  if (!own.WorkingDir) merged.WorkingDir = image.WorkingDir ?? "";
  if (!own.StopSignal) merged.StopSignal = image.StopSignal ?? "";
  if (own.StopTimeout === undefined || own.StopTimeout === null) merged.StopTimeout = image.StopTimeout;
  if (!own.Shell?.length) merged.Shell = image.Shell;
  if (!own.OnBuild?.length) merged.OnBuild = null;
  return merged;
}

function joinKeys(own: Record<string, object> | null | undefined, image: Record<string, object> | null | undefined) {
  const ownKeys = Object.keys(own ?? {});
  const imageKeys = Object.keys(image ?? {});
  if (ownKeys.length + imageKeys.length === 0) return undefined;
  const keys = [...new Set([...ownKeys, ...imageKeys])].sort();
  return Object.fromEntries(keys.map((key) => [key, {}]));
}

/** The container's variables first, then those of the image that it does not set itself. */
function mergeEnv(own: string[] | null | undefined, image: string[] | null | undefined): string[] | null {
  if (!own?.length) return image?.length ? [...image] : (own ?? null);
  const names = new Set(own.map(variableName));
  return [...own, ...(image ?? []).filter((variable) => !names.has(variableName(variable)))];
}

function variableName(variable: string): string {
  const at = variable.indexOf("=");
  return at < 0 ? variable : variable.slice(0, at);
}

function mergeHealth(own: HealthConfig | null | undefined, image: HealthConfig | null | undefined) {
  if (!own) return image ?? undefined;
  if (!image) return own;
  return {
    ...own,
    Test: own.Test?.length ? own.Test : image.Test,
    Interval: own.Interval || image.Interval,
    Timeout: own.Timeout || image.Timeout,
    StartPeriod: own.StartPeriod || image.StartPeriod,
    StartInterval: own.StartInterval || image.StartInterval,
    Retries: own.Retries || image.Retries,
  };
}

/** Sets variables in a list: "A=1" replaces or appends, "A" without value takes A away. */
export function overrideEnv(base: readonly string[], changes: readonly string[]): string[] {
  const byName = new Map(base.map((variable) => [variableName(variable), variable]));
  for (const change of changes) {
    if (change.includes("=")) byName.set(variableName(change), change);
    else byName.delete(change);
  }
  return [...byName.values()];
}
