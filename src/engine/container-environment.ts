/** What a container's process finds in its environment. */
import type { ContainerConfig } from "../model/container.ts";
import { overrideEnv } from "./merge-image-config.ts";

const DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The engine's variables, then the links', then the container's own (which win). The runtime, knowing the accounts, adds HOME. */
export function containerEnvironment(config: ContainerConfig, linkVariables: readonly string[] = []): string[] {
  const base = [DEFAULT_PATH, `HOSTNAME=${config.Hostname ?? ""}`];
  if (config.Tty) base.push("TERM=xterm");
  return overrideEnv([...base, ...linkVariables], config.Env ?? []);
}
