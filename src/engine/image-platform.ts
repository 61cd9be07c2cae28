/** Whether an image is for the platform that a client asks for. */
import type { LocalImage } from "../image/contract.ts";
import { NaruError } from "../lib/errors.ts";
import type { Platform } from "../model/image.ts";

/** Empty fields of `wished` fit everything. @throws {NaruError} not-found, in Docker's words */
export function requirePlatform({ config }: LocalImage, ref: string, wished: Partial<Platform>): void {
  const fits = (["os", "architecture", "variant"] as const).every((field) => {
    const [own, other] = [config[field], wished[field]];
    return !other || own === other || (field === "variant" && !own);
  });
  if (fits) return;
  throw new NaruError(
    "not-found",
    `image with reference ${ref} was found but its platform (${platformText(config)}) does not match the specified ` +
      `platform (${platformText(wished)})`,
  );
}

/** "linux/arm64/v8", or one part of it: "linux", "arm64". */
export function parsePlatform(text: string): Partial<Platform> {
  const [first = "", architecture, variant] = text.split("/");
  if (architecture !== undefined) return { os: first, architecture, variant };
  return first === "linux" ? { os: first } : { architecture: first };
}

function platformText({ os, architecture, variant }: Partial<Platform>): string {
  return [os, architecture, variant].filter(Boolean).join("/");
}
