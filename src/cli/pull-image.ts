import { CliError } from "./cli-error.ts";
import type { CommandContext } from "./command.ts";
import type { ImageReference } from "./reference.ts";
import { registryAuthHeader } from "./registry-auth.ts";
import { showAction } from "./show-action.ts";

interface PullOptions {
  platform?: string;
  /** Shows nothing while it runs. */
  quiet?: boolean;
  /** The descriptor that progress goes to. */
  to?: 1 | 2;
}

/** Pulls an image; a reference without tag and digest means every tag. Throws CliError when it fails. */
export async function pullImage(context: CommandContext, image: ImageReference, options: PullOptions): Promise<void> {
  const { platform = "", quiet = false, to = 1 } = options;
  const client = await context.client();
  const answer = await client.send("POST", "/images/create", {
    query: {
      fromImage: image.familiarName,
      tag: image.digest ?? image.tag,
      platform: platform === "" ? undefined : platform.toLowerCase(),
    },
    headers: await registryAuthHeader(await context.config(), image),
  });
  await showAction(context, answer, { quiet, to });
}

/** The reference in full, as `pull` ends with. */
export function canonicalText({ familiarName, tag, digest }: ImageReference): string {
  const first = familiarName.split("/")[0]!;
  const hasHost = familiarName.includes("/") && (/[.:]/.test(first) || first === "localhost");
  const path = familiarName.includes("/") ? familiarName : `library/${familiarName}`;
  const name = hasHost ? familiarName : `docker.io/${path}`;
  return `${name}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/** The reference with the tag `latest` where it has neither tag nor digest. Throws CliError for bad use of `all`. */
export function completeReference(image: ImageReference, allTags: boolean): ImageReference {
  const isBare = image.tag === undefined && image.digest === undefined;
  if (allTags && !isBare) throw new CliError("tag can't be used with --all-tags/-a");
  return isBare && !allTags ? { ...image, tag: "latest" } : image;
}
