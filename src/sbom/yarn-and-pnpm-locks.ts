/** Lock files of yarn (version 1's own format, and the YAML of later ones) and pnpm, as far as names and versions go. */

interface LockedPackage {
  name: string;
  version: string;
}

/** Entries begin at the margin with their requests, `"@scope/name@^1.0.0, …":`; their version follows. */
export function* parseYarnLock(text: string): Generator<LockedPackage> {
  let name: string | undefined;
  for (const line of text.split("\n")) {
    if (/^[^\s#]/.test(line)) {
      const request = /^"?((?:@[^/@\s"]+\/)?[^@\s",]+)@([^\s",]*)/.exec(line);
      // Parts of the project itself are no packages from elsewhere.
      name = request && !request[2]!.startsWith("workspace:") ? request[1] : undefined;
      continue;
    }
    const version = /^ {2}version:? "?([^"\s]+)"?\s*$/.exec(line)?.[1];
    if (version === undefined || name === undefined) continue;
    yield { name, version };
    name = undefined;
  }
}

/** Keys below "packages:": "/name/1.0.0:" (5), "/name@1.0.0(peer):" (6), "name@1.0.0:" (9), quoted when they have an "@" in front. */
export function* parsePnpmLock(text: string): Generator<LockedPackage> {
  let isPackages = false;
  for (const line of text.split("\n")) {
    if (/^\S/.test(line)) isPackages = line.startsWith("packages:");
    const key = isPackages ? /^ {2}['"]?\/?((?:@[^/@\s]+\/)?[^/@\s'"]+)[@/](\d[^\s('":_]*)/.exec(line) : null;
    if (key) yield { name: key[1]!, version: key[2]! };
  }
}
