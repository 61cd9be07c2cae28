/** Key files on disk, as the commands name them. */
import type { KeyObject } from "node:crypto";
import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { errorText } from "../lib/errors.ts";
import { type KeyPairFiles, readPrivateKey } from "../signature/key-file.ts";
import { readPublicKey } from "../signature/public-key.ts";
import { CliError } from "./cli-error.ts";
import { keyPassphrase } from "./passphrase.ts";

const NAME = /^[\w][\w.-]*$/;

/** At a terminal each key's passphrase is asked for; from elsewhere comes one for all. */
export async function loadPrivateKeys(
  paths: readonly string[],
  { fromStdin }: { fromStdin: boolean },
): Promise<KeyObject[]> {
  const shared = keyPassphrase({ fromStdin, isNew: false });
  const keys: KeyObject[] = [];
  for (const path of paths) {
    const ask = fromStdin ? shared : keyPassphrase({ fromStdin, isNew: false, name: path });
    keys.push(await readPrivateKey(await readKeyFile(path), path, ask));
  }
  return keys;
}

export async function loadPublicKeys(paths: readonly string[]): Promise<KeyObject[]> {
  const keys: KeyObject[] = [];
  for (const path of paths) keys.push(readPublicKey(await readKeyFile(path), path));
  return keys;
}

export async function readKeyFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new CliError(`cannot read the key ${path}: ${errorText(error)}`);
  }
}

/** Writes NAME.key and NAME.pub into a directory; neither when one of them is there. @returns their paths */
export async function writeKeyPair(
  { privatePem, publicPem }: KeyPairFiles,
  name: string,
  directory: string,
): Promise<{ privatePath: string; publicPath: string }> {
  const privatePath = join(directory, `${name}.key`);
  const publicPath = join(directory, `${name}.pub`);
  await writeNew(publicPath, publicPem, 0o644);
  try {
    await writeNew(privatePath, privatePem, 0o600);
  } catch (error) {
    await rm(publicPath, { force: true });
    throw error;
  }
  return { privatePath, publicPath };
}

export function checkKeyName(name: string): void {
  if (!NAME.test(name)) {
    throw new CliError(
      `"${name}" cannot name a key: use letters, digits, "_", "." and "-", beginning with a letter or digit`,
    );
  }
}

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  try {
    await using file = await open(path, "wx", mode);
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    const reason = (error as { code?: string }).code === "EEXIST" ? "it exists already" : errorText(error);
    throw new CliError(`cannot write ${path}: ${reason}`);
  }
}
