/** The policy of a daemon: asks registries for signatures at a pull, keeps the good ones, and checks those again at a run. */
import { resolve } from "node:path";
import type { RemoteRepository } from "../distribution/contract.ts";
import { NaruError } from "../lib/errors.ts";
import { canonicalReference, familiarName, parseReference, type Reference } from "../lib/image-reference.ts";
import type { Digest } from "../model/image.ts";
import type { Collection, StateStore } from "../store/contract.ts";
import type { ImagePolicy, PolicyImage, StoredSignature } from "./contract.ts";
import { loadPolicyFile } from "./policy-file.ts";
import { type PolicyRule, type Requirement, ruleFor, type SignaturePolicy } from "./signature-policy.ts";
import { listSignatures } from "./signature-storage.ts";
import { closestRejection, type GoodSignature, judgeSignatures } from "./verify-signature.ts";

const NONE_HERE = "and none was kept here when it came; pull it, signed, from its registry";

/** Good signatures by the digest that they sign, as they were found at a pull. */
interface KeptSignatures {
  signatures: StoredSignature[];
  /** Ids of the images that came with them: an index' one, where the signature is of one of its platforms. */
  images: Digest[];
}
type RunnableImage = Parameters<ImagePolicy["admitRun"]>[1];
type SignedRequirement = Extract<Requirement, { kind: "signed" }>;

export class FilePolicy implements ImagePolicy {
  private readonly kept: Collection<KeptSignatures>;
  private path = "";
  /** Undefined: everything is allowed. */
  private policy: SignaturePolicy | undefined;

  private constructor(store: StateStore) {
    this.kept = store.collection("image-signatures");
  }

  /** `path` undefined: everything is allowed. @throws {NaruError} invalid for a bad file */
  static async open(path: string | undefined, store: StateStore): Promise<FilePolicy> {
    const policy = new FilePolicy(store);
    await policy.load(path);
    return policy;
  }

  /** Reads the file anew; the old rules stay when it is bad. @throws {NaruError} invalid */
  async load(path: string | undefined): Promise<void> {
    const absolute = path === undefined ? "" : resolve(path);
    this.policy = path === undefined ? undefined : await loadPolicyFile(absolute);
    this.path = absolute;
  }

  /** Forgets the signatures of images that are no longer here. */
  async forgetAllBut(imageIds: ReadonlySet<Digest>): Promise<void> {
    const gone = [...this.kept.entries()].filter(([, { images }]) => !images.some((id) => imageIds.has(id)));
    await Promise.all(gone.map(([digest]) => this.kept.delete(digest)));
  }

  async admitPull(
    image: PolicyImage,
    repository: RemoteRepository,
    options: { signal?: AbortSignal } = {},
  ): Promise<void> {
    if (!this.policy) return;
    const rule = ruleFor(this.policy, image.reference);
    const name = familiarName(canonicalReference(image.reference));
    const refuse = (reason: string) => this.refusal(`the pull of ${name}`, rule, reason);
    if (!rule.requirements.some(({ kind }) => kind === "signed")) {
      checkWithoutSignatures(rule, refuse);
      return;
    }
    const found: StoredSignature[] = [];
    const damage: string[] = [];
    for (const digest of new Set(image.digests)) {
      const listed = await listSignatures(repository, digest, options);
      found.push(...listed.signatures);
      damage.push(...listed.damage);
    }
    const good = checkRequirements(rule, image, found, (reason) => refuse([reason, ...damage].join("; ")));
    await this.keep(good, image.digests[0]!);
  }

  admitRun(ref: string, image: RunnableImage): void {
    if (!this.policy) return;
    const names = namesOf(ref, image);
    const refusals: NaruError[] = [];
    for (const name of names) {
      const reference = parseReference(name);
      const rule = ruleFor(this.policy, reference);
      try {
        this.checkKept(name, { reference, digests: [image.id, image.manifest] }, rule);
        return;
      } catch (error) {
        if (!(error instanceof NaruError)) throw error;
        refusals.push(error);
      }
    }
    if (refusals[0]) throw refusals[0];
    const rule: PolicyRule = { name: "the rule for images without a name", requirements: this.policy.unnamed };
    checkWithoutSignatures(rule, (reason) => this.refusal(`the image ${ref}`, rule, reason));
  }

  private checkKept(name: string, image: PolicyImage, rule: PolicyRule): void {
    const signatures = [...new Set(image.digests)].flatMap((digest) => this.kept.get(digest)?.signatures ?? []);
    const refuse = (reason: string) => this.refusal(`running ${name}`, rule, reason);
    checkRequirements(rule, image, signatures, refuse, NONE_HERE);
  }

  private async keep(good: readonly GoodSignature[], imageId: Digest): Promise<void> {
    for (const { signature, claims } of good) {
      const { signatures = [], images = [] } = this.kept.get(claims.digest) ?? {};
      const isKnown = signatures.some(
        (one) => one.payload === signature.payload && one.signature === signature.signature,
      );
      if (isKnown && images.includes(imageId)) continue;
      await this.kept.put(claims.digest, {
        signatures: isKnown ? signatures : [...signatures, signature],
        images: images.includes(imageId) ? images : [...images, imageId],
      });
    }
  }

  private refusal(what: string, rule: PolicyRule, reason: string): NaruError {
    return new NaruError(
      "forbidden",
      `${what} is refused by the signature policy ${this.path}: ${rule.name} ${reason}`,
    );
  }
}

/** All demands of a rule; answers the signatures that fulfilled them. */
function checkRequirements(
  rule: PolicyRule,
  image: PolicyImage,
  signatures: readonly StoredSignature[],
  refuse: (reason: string) => NaruError,
  noneWords = "and it has none",
): GoodSignature[] {
  const good: GoodSignature[] = [];
  for (const requirement of rule.requirements) {
    if (requirement.kind === "reject") throw refuse("rejects it");
    if (requirement.kind === "signed") good.push(...checkSigned(requirement, image, signatures, refuse, noneWords));
  }
  return good;
}

function checkSigned(
  requirement: SignedRequirement,
  { reference, digests }: PolicyImage,
  signatures: readonly StoredSignature[],
  refuse: (reason: string) => NaruError,
  noneWords: string,
): GoodSignature[] {
  const { keys, keyNames, annotations, identity } = requirement;
  const { good, rejected } = judgeSignatures(signatures, {
    keys,
    digests,
    annotations,
    identity: { image: reference, rule: identity },
  });
  if (good.length > 0) return good;
  const demand = `demands a signature by ${keyNames.join(" or ")}`;
  const closest = closestRejection(rejected);
  if (!closest) throw refuse(`${demand}, ${noneWords}`);
  const count =
    rejected.length === 1 ? "its signature is not good" : `none of its ${rejected.length} signatures is good`;
  throw refuse(`${demand}, and ${count}: ${closest.reason}`);
}

function checkWithoutSignatures(rule: PolicyRule, refuse: (reason: string) => NaruError): void {
  for (const { kind } of rule.requirements) {
    if (kind === "reject") throw refuse("rejects it");
    if (kind === "signed")
      throw refuse("demands a signature, which an image without a name cannot have; pull it by its name");
  }
}

/** The name that the user gave; for an id, all names of the image. */
function namesOf(ref: string, { repoTags, repoDigests }: RunnableImage): string[] {
  const names = [...repoTags, ...repoDigests];
  const given = tryParse(ref);
  if (given === undefined) return names;
  const canonical = canonicalReference(given);
  return names.some((name) => canonicalReference(parseReference(name)) === canonical) ? [ref] : names;
}

function tryParse(name: string): Reference | undefined {
  try {
    return parseReference(name);
  } catch {
    return undefined;
  }
}
