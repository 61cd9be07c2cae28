import { generateKeyFiles, type KeyAlgorithm } from "../../signature/key-file.ts";
import { CliError } from "../cli-error.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { bool, string } from "../flag-types.ts";
import { checkKeyName, writeKeyPair } from "../key-files.ts";
import { keyPassphrase } from "../passphrase.ts";

const ALGORITHMS: readonly KeyAlgorithm[] = ["ecdsa", "rsa", "ed25519"];

export const command = defineCommand({
  usage: "[OPTIONS] NAME",
  summary: "Make a key pair for signing images: NAME.key and NAME.pub",
  description: `Make a key pair for signing images: NAME.key and NAME.pub

The private key is written under a passphrase, in the form that cosign and skopeo read. The passphrase is asked for, or taken
from NARU_KEY_PASSPHRASE or COSIGN_PASSWORD.`,
  example: "naru key generate release",
  args: exactArgs(1),
  flags: {
    algorithm: string("Kind of key: ecdsa (P-256), rsa (3072 bits) or ed25519", { initial: "ecdsa" }),
    dir: string("Directory to write to", { initial: "." }),
    "passphrase-stdin": bool("Take the passphrase from standard input"),
  },
  async run({ flags, args: [name = ""], context }) {
    checkKeyName(name);
    const algorithm = ALGORITHMS.find((one) => one === flags.algorithm);
    if (algorithm === undefined) {
      throw new CliError(`there is no algorithm "${flags.algorithm}"; choose ${ALGORITHMS.join(", ")}`);
    }
    const passphrase = await keyPassphrase({ fromStdin: flags["passphrase-stdin"], isNew: true })();
    const { privatePath, publicPath } = await writeKeyPair(
      await generateKeyFiles(algorithm, passphrase),
      name,
      flags.dir,
    );
    context.print(`Private key: ${privatePath}\nPublic key: ${publicPath}\n`);
  },
});
