import { CliError } from "../cli-error.ts";
import { cut } from "../csv.ts";
import { ipVersion } from "./addresses.ts";

/** Checks one `--link CONTAINER[:ALIAS]`. */
export function checkLink(text: string): string {
  if (text === "") throw new Error("empty string specified for links");
  if (text.split(":").length > 2) throw new Error(`bad format for links: ${text}`);
  return text;
}

/** Checks one `--add-host NAME:ADDRESS`, `NAME=ADDRESS`; the API takes the form with a colon. */
export function checkExtraHost(text: string): string {
  const separator = text.includes("=") ? "=" : ":";
  const [name, address] = cut(text, separator);
  if (name === "" || address === undefined || name.includes(":")) {
    throw new Error(`bad format for add-host: ${JSON.stringify(text)}`);
  }
  if (address === "host-gateway") return `${name}:${address}`;
  const bare = /^\[(.+)\]$/.exec(address)?.[1] ?? address;
  if (ipVersion(bare) === 0) throw new Error(`invalid IP address in add-host: ${JSON.stringify(bare)}`);
  return `${name}:${bare}`;
}

/** Checks one `--dns`. */
export function checkAddress(text: string): string {
  const address = text.trim();
  if (ipVersion(address) === 0) throw new Error(`IP address is not correctly formatted: ${text}`);
  // A URL writes IPv6 addresses in their canonical form.
  return address.includes(":") ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

/** Checks one `--attach`. */
export function checkStream(text: string): string {
  const stream = text.toLowerCase();
  if (!["stdin", "stdout", "stderr"].includes(stream)) throw new Error("valid streams are STDIN, STDOUT and STDERR");
  return stream;
}

/** A platform such as `linux/arm64/v8` with its parts under their usual names. Throws CliError. */
export function normalizePlatform(text: string): string {
  const parts = text.split("/");
  if (parts.length > 3) {
    throw new CliError(
      `error parsing specified platform: ${JSON.stringify(text)}: cannot parse platform specifier: invalid argument`,
    );
  }
  for (const part of parts) {
    if (/^[A-Za-z0-9_.-]+$/.test(part)) continue;
    throw new CliError(
      `error parsing specified platform: ${JSON.stringify(part)} is an invalid component of ${JSON.stringify(text)}: platform specifier component must match "^[A-Za-z0-9_.-]+$": invalid argument`,
    );
  }
  const [first = "", architecture, variant] = parts.map((part) => part.toLowerCase());
  if (architecture !== undefined) return [first, architectureName(architecture), variant].filter(Boolean).join("/");
  const own = architectureName(process.arch);
  return OPERATING_SYSTEMS.includes(first) ? `${first}/${own}` : `linux/${architectureName(first)}`;
}

const OPERATING_SYSTEMS = ["linux", "windows", "darwin", "freebsd"];

function architectureName(text: string): string {
  const names: Record<string, string> = {
    x64: "amd64",
    x86_64: "amd64",
    "x86-64": "amd64",
    aarch64: "arm64",
    i386: "386",
  };
  return names[text] ?? text;
}
