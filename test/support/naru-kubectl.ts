/** `naru kubectl` under the name kubectl, on a test's cluster. */

import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { TestClusterDaemon } from "./cluster.ts";
import { NARU } from "./daemon.ts";

const PATIENCE = Number(process.env.NARU_TEST_PATIENCE ?? 1);

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

export async function linkNaruKubectl(cluster: TestClusterDaemon): Promise<NaruKubectl> {
  const folder = join(cluster.daemon.root, "bin");
  await mkdir(folder, { recursive: true });
  const path = join(folder, "kubectl");
  await symlink(NARU, path);
  const run: NaruKubectl["run"] = async (words, input, kubeconfig = cluster.kubeconfig) => {
    const child = Bun.spawn([path, "--kubeconfig", kubeconfig, ...words], {
      stdin: input === undefined ? "ignore" : new TextEncoder().encode(input),
      stdout: "pipe",
      stderr: "pipe",
      timeout: 60_000 * PATIENCE,
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
