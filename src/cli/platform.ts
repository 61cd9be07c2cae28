import { CliError } from "./cli-error.ts";
import { normalizePlatform } from "./container-options/names.ts";

const PLATFORM_PART = /^[A-Za-z0-9_.-]+$/;

/**
 * The JSON of a `--platform` text such as `linux/arm64/v8`, `arm64` or `linux`, for a query; undefined for no text.
 * Throws CliError.
 */
export function platformQuery(text: string): string | undefined {
  if (text === "") return undefined;
  const parts = text.split("/");
  if (parts.length > 3) {
    throw new CliError(`invalid platform: ${JSON.stringify(text)}: cannot parse platform specifier: invalid argument`);
  }
  if (parts.some((part) => !PLATFORM_PART.test(part))) {
    throw new CliError(`invalid platform: "${text}" is an invalid OS or architecture: invalid argument`);
  }
  const [os, architecture, variant] = normalizePlatform(text).split("/");
  return JSON.stringify({ architecture, os, ...(variant !== undefined && { variant }) });
}
