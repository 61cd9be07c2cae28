/**
 * The certificates for a registry: a folder named like its host[:port] in one of the certs.d directories holds *.crt
 * (authorities), and *.cert with *.key of the same name (what the client shows). As docker reads /etc/docker/certs.d.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { getCACertificates, rootCertificates } from "node:tls";
import { NaruError } from "../lib/errors.ts";

export interface HostCertificates {
  authorities: string[];
  client?: { cert: string; key: string };
}

/** Those of the first directory that has a folder for `host`. @throws invalid when a key or a certificate lacks the other */
export async function readHostCertificates(dirs: readonly string[], host: string): Promise<HostCertificates> {
  for (const dir of dirs) {
    const folder = join(dir, host);
    const names = await readdir(folder).catch(() => undefined);
    if (names !== undefined) return readFolder(folder, names.sort());
  }
  return { authorities: [] };
}

async function readFolder(folder: string, names: string[]): Promise<HostCertificates> {
  const read = async (name: string) => {
    try {
      return await readFile(join(folder, name), "utf8");
    } catch (cause) {
      throw new NaruError("invalid", `cannot read ${join(folder, name)}: ${(cause as Error).message}`, { cause });
    }
  };
  const found: HostCertificates = { authorities: [] };
  for (const name of names) {
    if (name.endsWith(".crt")) found.authorities.push(await read(name));
    if (name.endsWith(".key") && !names.includes(name.replace(/\.key$/, ".cert"))) {
      throw new NaruError("invalid", `missing client certificate ${name.replace(/\.key$/, ".cert")} for key ${name}`);
    }
    if (!name.endsWith(".cert")) continue;
    const keyName = name.replace(/\.cert$/, ".key");
    if (!names.includes(keyName)) {
      throw new NaruError(
        "invalid",
        `missing key ${keyName} for client certificate ${name}. CA certificates must use the extension .crt`,
      );
    }
    found.client ??= { cert: await read(name), key: await read(keyName) };
  }
  return found;
}

let known: string[] | undefined;

/** The authorities that this machine trusts; Bun's own list where the machine has none. */
export function systemAuthorities(): string[] {
  if (known === undefined) {
    const system = getCACertificates("system");
    known = system.length > 0 ? system : [...rootCertificates];
  }
  return known;
}
