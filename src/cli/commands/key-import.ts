import { readPrivateKey, sealKeyFiles } from "../../signature/key-file.ts";
import { defineCommand, exactArgs } from "../command.ts";
import { bool, string } from "../flag-types.ts";
import { checkKeyName, readKeyFile, writeKeyPair } from "../key-files.ts";
import { keyPassphrase } from "../passphrase.ts";

export const command = defineCommand({
  usage: "[OPTIONS] FILE NAME",
  summary: "Put a private key of openssl's or cosign's under a passphrase: NAME.key and NAME.pub",
  description: `Put a private key of openssl's or cosign's under a passphrase: NAME.key and NAME.pub

A key that is under a passphrase keeps it.`,
  example: "naru key import ec-private.pem release",
  args: exactArgs(2),
  flags: {
    dir: string("Directory to write to", { initial: "." }),
    "passphrase-stdin": bool("Take the passphrase from standard input"),
  },
  async run({ flags, args: [file = "", name = ""], context }) {
    checkKeyName(name);
    const passphrase = keyPassphrase({ fromStdin: flags["passphrase-stdin"], isNew: true });
    const key = await readPrivateKey(await readKeyFile(file), file, passphrase);
    const { privatePath, publicPath } = await writeKeyPair(
      await sealKeyFiles(key, await passphrase()),
      name,
      flags.dir,
    );
    context.print(`Private key: ${privatePath}\nPublic key: ${publicPath}\n`);
  },
});
