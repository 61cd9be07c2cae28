import { createPublicKey } from "node:crypto";
import { defineCommand, exactArgs } from "../command.ts";
import { bool } from "../flag-types.ts";
import { loadPrivateKeys } from "../key-files.ts";

export const command = defineCommand({
  usage: "[OPTIONS] FILE",
  summary: "Print the public half of a private key",
  args: exactArgs(1),
  flags: {
    "passphrase-stdin": bool("Take the passphrase from standard input"),
  },
  async run({ flags, args, context }) {
    const [key] = await loadPrivateKeys(args, { fromStdin: flags["passphrase-stdin"] });
    context.print(createPublicKey(key!).export({ type: "spki", format: "pem" }).toString());
  },
});
