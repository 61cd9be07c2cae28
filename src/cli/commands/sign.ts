import { canonicalReference, familiarName, parseReference, repositoryOf } from "../../lib/image-reference.ts";
import { signImage } from "../../signature/sign-image.ts";
import type { SignaturePlace } from "../../signature/signature-storage.ts";
import { CliError } from "../cli-error.ts";
import { defineCommand, minArgs } from "../command.ts";
import { bool, list, map, string } from "../flag-types.ts";
import { loadPrivateKeys } from "../key-files.ts";
import { openRemoteImage, type RemoteImage } from "../registry-access.ts";

const PLACES: Readonly<Record<string, readonly SignaturePlace[]>> = {
  tag: ["tag"],
  referrer: ["referrer"],
  bundle: ["bundle"],
  both: ["tag", "referrer"],
  all: ["tag", "referrer", "bundle"],
};

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  summary: "Sign images in their registries",
  description: `Sign images in their registries

The image must have been pushed. What is signed is its digest; the signature is stored beside it, in cosign's form, so that
naru, cosign, skopeo and podman can verify it. The private key does not leave this machine.`,
  example: "naru sign --key release.key registry.example.com/app:1.2",
  args: minArgs(1),
  flags: {
    annotation: map("Say more in the signature, KEY=VALUE (repeatable)", { short: "a", defaultText: "" }),
    identity: string("Name of the image that the signature tells (default: the name as given)"),
    insecure: bool("Let the registry speak plain HTTP or show an unknown certificate"),
    key: list("File of a private key (repeatable)", { type: "file" }),
    "passphrase-stdin": bool("Take the key's passphrase from standard input"),
    quiet: bool("Print only the digests that were signed", { short: "q" }),
    recursive: bool("Also sign each image that an index lists", { short: "r" }),
    store: string(
      "Where to keep the signature: tag (every verifier finds it), referrer, both, bundle (cosign 3) or all",
      {
        initial: "tag",
      },
    ),
  },
  async run({ flags, args, context }) {
    const places = PLACES[flags.store];
    if (places === undefined) {
      throw new CliError(`there is no store "${flags.store}"; choose ${Object.keys(PLACES).join(", ")}`);
    }
    if (flags.key.length === 0) throw new CliError("name the private key to sign with: --key FILE");
    if (flags.identity !== "" && args.length > 1) throw new CliError("--identity is for one image at a time");
    if (flags.identity !== "") parseReference(flags.identity);
    const keys = await loadPrivateKeys(flags.key, { fromStdin: flags["passphrase-stdin"] });
    for (const image of args) {
      const remote = await openRemoteImage(context, image, { actions: "pull,push", isInsecure: flags.insecure });
      const subject = await remote.repository.resolve(remote.target);
      const signing = signImage(remote.repository, subject, {
        keys,
        dockerReference: flags.identity || signedName(remote),
        annotations: flags.annotation,
        places,
        isRecursive: flags.recursive,
      });
      for await (const { digest, added } of signing) {
        const name = `${familiarName(repositoryOf(remote.reference))}@${digest}`;
        if (flags.quiet) context.print(`${digest}\n`);
        else if (added === 0) context.print(`${name}: is signed with this already\n`);
        else context.print(`${name}: signed\n`);
      }
    }
  },
});

/** With its tag, since readers of containers/image's kind ask for it; the digest is signed anyway. */
function signedName({ reference }: RemoteImage): string {
  const { tag, digest } = reference;
  return tag === undefined && digest !== undefined
    ? repositoryOf(reference)
    : canonicalReference({ ...reference, digest: undefined });
}
