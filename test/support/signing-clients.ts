/** skopeo with sigstore's signatures (scripts/real-clients), and what it is to accept. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Finished, PROJECT, type RunOptions, run } from "./daemon.ts";

const SKOPEO = join(PROJECT, ".cache/clients/skopeo/run");

export class SigningSkopeo {
  private constructor(private readonly folder: string) {}

  /** `hosts` keep sigstore's signatures. */
  static async prepare(folder: string, hosts: string[]): Promise<SigningSkopeo> {
    await mkdir(join(folder, "registries.d"), { recursive: true });
    const docker = Object.fromEntries(hosts.map((host) => [host, { "use-sigstore-attachments": true }]));
    await writeFile(join(folder, "registries.d/test.yaml"), JSON.stringify({ docker }));
    return new SigningSkopeo(folder);
  }

  /** Runs with a policy, or none that refuses anything. */
  async run(words: string[], options: RunOptions & { policy?: object } = {}): Promise<Finished> {
    const policy = join(this.folder, "policy.json");
    await writeFile(policy, JSON.stringify(options.policy ?? { default: [{ type: "insecureAcceptAnything" }] }));
    const flags = ["--policy", policy, "--registries.d", join(this.folder, "registries.d"), "--tmpdir", this.folder];
    return await run([SKOPEO, ...flags, ...words], options);
  }

  /** Copies an image into a directory of its own under a policy: whether that lets it through. */
  async accepts(image: string, policy: object): Promise<{ isAccepted: boolean; words: string }> {
    const target = `dir:${join(this.folder, crypto.randomUUID())}`;
    const { code, stderr } = await this.run(["copy", "-q", "--src-tls-verify=false", `docker://${image}`, target], {
      policy,
    });
    return { isAccepted: code === 0, words: stderr };
  }
}
