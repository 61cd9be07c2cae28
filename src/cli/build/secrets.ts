import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { CliError } from "../cli-error.ts";
import { fileErrorText } from "../file-error.ts";
import { csvSettings } from "./csv-settings.ts";

/** As docker's builder: secrets are passwords and keys, not files of data. */
const MAX_SECRET_BYTES = 500 * 1024;

export type SecretSource =
  | { kind: "file"; path: string }
  | { kind: "variable"; name: string }
  | { kind: "text"; text: string };

/** Where each secret of `--secret` is read from, by id. Nothing is read before it is asked for. */
export function readSecretFlags(texts: readonly string[]): Map<string, SecretSource> {
  const sources = new Map<string, SecretSource>();
  for (const text of texts) {
    const { id = "", source } = readSecretFlag(text);
    sources.set(id, source);
  }
  return sources;
}

function readSecretFlag(text: string): { id: string; source: SecretSource } {
  const { id = "", type, src, source = src, env, ...others } = csvSettings("secret", text);
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new CliError(`unknown setting ${unknown} of --secret: it has id, type, src and env`);
  if (type !== undefined && type !== "file" && type !== "env") {
    throw new CliError(`unsupported secret type ${JSON.stringify(type)}: use file or env`);
  }
  const path = source?.replace(/^~(?=\/|$)/, homedir());
  if (type === "env") return { id, source: { kind: "variable", name: env ?? path ?? id } };
  if (env !== undefined) return { id, source: { kind: "variable", name: env } };
  if (path === undefined && type === undefined && process.env[id] !== undefined) {
    return { id, source: { kind: "variable", name: id } };
  }
  const file = path ?? id;
  if (!existsSync(file)) {
    throw new CliError(`failed to stat ${file}: ${fileErrorText("stat", file, { code: "ENOENT" })}`);
  }
  return { id, source: { kind: "file", path: file } };
}

/** The secret's bytes; undefined for a variable that is not set. Throws CliError. */
export function readSecret(source: SecretSource): Uint8Array | undefined {
  if (source.kind === "text") return Buffer.from(source.text);
  if (source.kind === "variable") {
    const value = process.env[source.name];
    return value === undefined ? undefined : Buffer.from(value);
  }
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(source.path);
  } catch (error) {
    throw new CliError(fileErrorText("open", source.path, error));
  }
  if (bytes.length <= MAX_SECRET_BYTES) return bytes;
  throw new CliError(`invalid secret ${source.path}: it has more than ${MAX_SECRET_BYTES / 1024} KB`);
}
