import type { KeyObject } from "node:crypto";
import { isKind } from "../../lib/errors.ts";
import { familiarName, parseReference, repositoryOf } from "../../lib/image-reference.ts";
import type { Digest } from "../../model/image.ts";
import { keyFingerprint } from "../../signature/key-signature.ts";
import { listSignatures } from "../../signature/signature-storage.ts";
import type { SignedIdentity } from "../../signature/signed-identity.ts";
import {
  closestRejection,
  type GoodSignature,
  type Judgement,
  judgeSignatures,
} from "../../signature/verify-signature.ts";
import { CliError } from "../cli-error.ts";
import { defineCommand, minArgs } from "../command.ts";
import { bool, list, map, string } from "../flag-types.ts";
import { loadPublicKeys } from "../key-files.ts";
import { openRemoteImage, type RemoteImage } from "../registry-access.ts";

/** Cosign's exit codes for the same outcomes. */
const EXIT = { noSignature: 10, noImage: 11, noneGood: 12 } as const;
const FINGERPRINT_DIGITS = 16;

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  summary: "Check the signatures of images in their registries",
  description: `Check the signatures of images in their registries

The signed texts are printed as a JSON array, as cosign prints them; what was checked goes to standard error. The exit code is
10 when an image has no signature, 11 when there is no such image, 12 when none of its signatures is good.`,
  example: "naru verify --key release.pub registry.example.com/app:1.2",
  args: minArgs(1),
  flags: {
    "all-keys": bool("Each of the keys must have signed; otherwise any of them will do"),
    annotation: map("The signature must say this, KEY=VALUE (repeatable)", { short: "a", defaultText: "" }),
    identity: string(
      'The name in the signature must fit: "any", "repository" (the same but for the tag), "exact", or a name',
      { initial: "any" },
    ),
    insecure: bool("Let the registry speak plain HTTP or show an unknown certificate"),
    key: list("File of a public key (repeatable)", { type: "file" }),
    quiet: bool("Print nothing when all is well", { short: "q" }),
  },
  async run({ flags, args, context }) {
    if (flags.key.length === 0) throw new CliError("name the public key to verify with: --key FILE");
    const keys = await loadPublicKeys(flags.key);
    const identity = identityRule(flags.identity);
    const payloads: unknown[] = [];
    for (const image of args) {
      const remote = await openRemoteImage(context, image, { actions: "pull", isInsecure: flags.insecure });
      const good = await verify(image, remote, {
        keys,
        identity,
        annotations: flags.annotation,
        needsAll: flags["all-keys"],
      });
      if (!flags.quiet) context.printError(report(remote, good));
      payloads.push(...good.signatures.map(printedClaims));
    }
    if (!flags.quiet) context.print(`${JSON.stringify(payloads)}\n`);
  },
});

/** Cosign prints the claims of each form alike. */
function printedClaims({ claims }: GoodSignature): unknown {
  return {
    critical: {
      identity: { "docker-reference": claims.dockerReference },
      image: { "docker-manifest-digest": claims.digest },
      type: claims.type,
    },
    optional: claims.optional,
  };
}

interface Wanted {
  keys: readonly KeyObject[];
  identity: SignedIdentity | undefined;
  annotations: Record<string, string>;
  needsAll: boolean;
}
interface Verified {
  digest: Digest;
  signatures: GoodSignature[];
}

function identityRule(text: string): SignedIdentity | undefined {
  if (text === "any") return undefined;
  if (text === "repository" || text === "exact") return { type: text };
  const reference = parseReference(text);
  return reference.tag === undefined && reference.digest === undefined
    ? { type: "this-repository", repository: repositoryOf(reference) }
    : { type: "this-name", reference };
}

async function verify(image: string, remote: RemoteImage, wanted: Wanted): Promise<Verified> {
  const { repository, reference } = remote;
  const { digest } = await resolve(remote);
  const name = `${familiarName(repositoryOf(reference))}@${digest}`;
  const { signatures, damage } = await listSignatures(repository, digest);
  if (signatures.length === 0) {
    const advice =
      damage.length > 0
        ? `: what was found is damaged (${damage.join("; ")})`
        : `; sign it with \`naru sign --key FILE ${image}\``;
    throw new CliError(`${name} has no signatures${advice}`, EXIT.noSignature);
  }
  const demand = {
    digests: [digest],
    annotations: wanted.annotations,
    ...(wanted.identity && { identity: { image: reference, rule: wanted.identity } }),
  };
  const rounds = wanted.needsAll ? wanted.keys.map((key) => [key]) : [wanted.keys];
  const good: GoodSignature[] = [];
  for (const keys of rounds) {
    const judgement = judgeSignatures(signatures, { ...demand, keys });
    if (judgement.good.length === 0) throw refusal(name, judgement, keys, damage);
    good.push(...judgement.good);
  }
  return { digest, signatures: good };
}

async function resolve({ repository, target }: RemoteImage) {
  try {
    return await repository.resolve(target);
  } catch (error) {
    if (isKind(error, "not-found")) throw new CliError((error as Error).message, EXIT.noImage);
    throw error;
  }
}

function refusal(name: string, { rejected }: Judgement, keys: readonly KeyObject[], damage: string[]): CliError {
  const which = keys.map((key) => keyFingerprint(key).slice(0, FINGERPRINT_DIGITS)).join(", ");
  const count =
    rejected.length === 1 ? "its signature is not good" : `none of its ${rejected.length} signatures is good`;
  const lines = [
    `${name}: ${count}: ${closestRejection(rejected)?.reason}`,
    `(asked for: a signature by the key ${which})`,
    ...damage.map((text) => `also: ${text}`),
  ];
  return new CliError(lines.join("\n"), EXIT.noneGood);
}

function report({ reference }: RemoteImage, { digest, signatures }: Verified): string {
  const lines = signatures.map(({ claims, key }) => {
    const signer = keyFingerprint(key).slice(0, FINGERPRINT_DIGITS);
    return `  signed ${claims.dockerReference ? `as ${claims.dockerReference} ` : ""}with the key ${signer}`;
  });
  return `${familiarName(repositoryOf(reference))}@${digest}: the signature is good\n${lines.join("\n")}\n`;
}
