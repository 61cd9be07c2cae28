import { CliError } from "../cli-error.ts";
import { defineCommand, minArgs } from "../command.ts";

/** What to say for each of docker's words. */
const COUNTERPARTS: Readonly<Record<string, string>> = {
  "key generate": "make a key pair with `naru key generate NAME`",
  "key load": "take a key over with `naru key import FILE NAME`",
  sign: "sign with `naru sign --key FILE IMAGE`",
  inspect: "check signatures with `naru verify --key FILE IMAGE`",
  view: "check signatures with `naru verify --key FILE IMAGE`",
  revoke: "take the signer's key out of the signature policy (`naru daemon --signature-policy FILE`)",
  signer: "list the keys of each repository in the signature policy (`naru daemon --signature-policy FILE`)",
};
const GENERAL = "sign with `naru sign`, check with `naru verify`, make keys with `naru key generate`";

export const command = defineCommand({
  usage: "COMMAND",
  summary: "Docker Content Trust: not there; see sign, verify and key",
  description: `Docker Content Trust needs a Notary server and is being given up. naru signs images in cosign's form instead:
${GENERAL}.`,
  args: minArgs(0),
  flags: {},
  takesAllWords: true,
  async run({ args, context }) {
    const words = args.filter((word) => !word.startsWith("-"));
    const counterpart = COUNTERPARTS[words.slice(0, 2).join(" ")] ?? COUNTERPARTS[words[0] ?? ""] ?? GENERAL;
    throw new CliError(`${context.program}: Docker Content Trust (Notary) is not supported; ${counterpart}`);
  },
});
