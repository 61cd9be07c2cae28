import { CliError } from "./cli-error.ts";

const PLATFORM_PART = /^[A-Za-z0-9_.-]+$/;
/** Names that people use for the architectures of OCI images. */
const ARCHITECTURES: Record<string, string> = { x86_64: "amd64", "x86-64": "amd64", aarch64: "arm64", i386: "386" };

/** The JSON of a `--platform` text such as `linux/arm64/v8`, for a query; undefined for no text. Throws CliError. */
export function platformQuery(text: string): string | undefined {
  if (text === "") return undefined;
  const [os = "", architecture, variant, ...rest] = text.split("/");
  const parts = [os, architecture, variant].filter((part) => part !== undefined);
  if (rest.length > 0 || parts.some((part) => !PLATFORM_PART.test(part))) {
    throw new CliError(`invalid platform: "${text}" is an invalid OS or architecture: invalid argument`);
  }
  return JSON.stringify({
    architecture: ARCHITECTURES[architecture ?? ""] ?? architecture ?? "",
    os,
    ...(variant !== undefined && { variant }),
  });
}
