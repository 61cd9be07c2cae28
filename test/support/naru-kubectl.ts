/** `naru kubectl` under the name kubectl, on a test's cluster. */

import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { startCluster, type TestClusterDaemon } from "./cluster.ts";
import { busyboxTar, NARU } from "./daemon.ts";
import { PATIENCE } from "./patience.ts";

export interface NaruKubectl {
  /** The link by the name of kubectl. */
  readonly path: string;
  run(
    words: readonly string[],
    input?: string,
    kubeconfig?: string,
  ): Promise<{ code: number; stdout: string; stderr: string }>;
  /** What it printed. @throws Error with its words when it failed */
  ok(...words: string[]): Promise<string>;
}

/** A cluster whose node "node-a" is ready and has busybox under these names, and naru's kubectl for it. */
export async function startNaruKubectl(
  ...images: string[]
): Promise<{ readonly cluster: TestClusterDaemon; readonly link: NaruKubectl }> {
  const cluster = await startCluster(["--cluster-node-name", "node-a"]);
  try {
    for (const image of images) {
      const { code, stderr } = await cluster.daemon.naru(["import", "-", image], { stdin: await busyboxTar() });
      if (code !== 0) throw new Error(`${image} was not imported: ${stderr}`);
    }
    const link = await linkNaruKubectl(cluster);
    await link.ok("wait", "--for=condition=Ready", "node/node-a", "--timeout=60s");
    return { cluster, link };
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

async function linkNaruKubectl(cluster: TestClusterDaemon): Promise<NaruKubectl> {
  const folder = join(cluster.daemon.root, "bin");
  await mkdir(folder, { recursive: true });
  const path = join(folder, "kubectl");
  await symlink(NARU, path);
  const run: NaruKubectl["run"] = async (words, input, kubeconfig = cluster.kubeconfig) => {
    const child = Bun.spawn([path, "--kubeconfig", kubeconfig, ...words], {
      stdin: input === undefined ? "ignore" : new TextEncoder().encode(input),
      stdout: "pipe",
      stderr: "pipe",
      timeout: 90_000 * PATIENCE,
      env: { ...process.env, HOME: cluster.daemon.root },
    });
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { code: await child.exited, stdout, stderr };
  };
  return {
    path,
    run,
    async ok(...words) {
      const { code, stdout, stderr } = await run(words);
      if (code !== 0) throw new Error(`naru kubectl ${words.join(" ")}: exit ${code}\n${stderr}${stdout}`);
      return stdout;
    },
  };
}
