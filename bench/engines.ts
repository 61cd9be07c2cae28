/** The engines that the bench compares: naru with roots of its own, and docker and podman where they are installed. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const PROJECT = resolve(import.meta.dir, "..");

export interface Engine {
  name: string;
  /** The client command, e.g. ["docker"]. */
  client: string[];
  env: Record<string, string>;
  /** Pid of the long-running daemon; 0 when there is none. */
  daemonPids: number[];
  /** Name prefixes of the per-container monitor processes. */
  monitorNames: string[];
  stop(): Promise<void>;
}

async function answers(client: string[], env: Record<string, string>): Promise<boolean> {
  try {
    const child = Bun.spawn([...client, "version"], {
      env: { ...process.env, ...env },
      stdout: "ignore",
      stderr: "ignore",
    });
    return (await child.exited) === 0;
  } catch {
    // No such program: as absent as one that does not answer.
    return false;
  }
}

/** A naru daemon with fresh roots. */
export async function startNaru(): Promise<Engine> {
  const root = await mkdtemp(join(tmpdir(), "naru-bench-"));
  const host = `unix://${root}/naru.sock`;
  const naru = process.env.NARU_EXECUTABLE ?? join(PROJECT, "dist/naru");
  const command = [
    naru,
    "daemon",
    "-H",
    host,
    "--data-root",
    `${root}/data`,
    "--exec-root",
    `${root}/exec`,
    "--pidfile",
    `${root}/pid`,
  ];
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: Bun.file(`${root}/log`) });
  const env = { DOCKER_HOST: host };
  while (!(await answers([naru], env))) {
    if (child.exitCode !== null) throw new Error(await Bun.file(`${root}/log`).text());
    await Bun.sleep(5);
  }
  const stop = async () => {
    child.kill("SIGTERM");
    await child.exited;
    await rm(root, { recursive: true, force: true });
  };
  return { name: "naru", client: [naru], env, daemonPids: [child.pid], monitorNames: ["naru-monitor"], stop };
}

/** A command of several words: `BENCH_PODMAN="nsenter -t 1 podman"`. */
function words(command: string): string[] {
  return command.split(" ").filter(Boolean);
}

/** A running docker: BENCH_DOCKER_HOST or DOCKER_HOST names it, the docker client is taken from BENCH_DOCKER or PATH. */
export async function findDocker(): Promise<Engine | undefined> {
  const client = words(process.env.BENCH_DOCKER ?? Bun.which("docker") ?? "");
  const host = process.env.BENCH_DOCKER_HOST ?? process.env.DOCKER_HOST ?? "unix:///var/run/docker.sock";
  const env = { DOCKER_HOST: host };
  if (!client[0] || !(await answers(client, env))) return undefined;
  const { pidsOf } = await import("./measure.ts");
  return {
    name: "docker",
    client,
    env,
    daemonPids: await pidsOf(["dockerd", "containerd"]),
    monitorNames: ["containerd-shim"],
    stop: async () => {},
  };
}

/** Podman has no daemon; it is there or not. BENCH_PODMAN may name another one. */
export async function findPodman(): Promise<Engine | undefined> {
  const client = words(process.env.BENCH_PODMAN ?? Bun.which("podman") ?? "");
  if (!client[0] || !(await answers(client, {}))) return undefined;
  return { name: "podman", client, env: {}, daemonPids: [], monitorNames: ["conmon"], stop: async () => {} };
}
