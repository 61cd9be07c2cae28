/**
 * Addresses of git repositories as ADD, contexts and Compose files take them: "https://host/repo.git#ref:directory", "git@host:repo.git",
 * "ssh://…", "git://…", and the newer "…?ref=…&subdir=…&checksum=…&keep-git-dir=…&submodules=…".
 */
import { NaruError } from "./errors.ts";
import { findGoBool } from "./go-bool.ts";
import { goQuoted } from "./go-quote.ts";

export interface GitSource {
  remote: string;
  ref?: string;
  subdir?: string;
  checksum?: string;
  keepGitDir?: boolean;
  submodules?: boolean;
}

const SCP_LIKE = /^[a-zA-Z0-9_-]+@[a-zA-Z0-9.-]+:[^/].*$/;
const QUERY_KEYS = "ref, tag, branch, subdir, checksum, commit, keep-git-dir, submodules";

/** Undefined when it is no repository (then it is a URL of a file, or a path). @throws {NaruError} invalid */
export function parseGitSource(text: string): GitSource | undefined {
  const [address, fragment] = cut(text, "#");
  const [remote, query] = SCP_LIKE.test(address) ? [address, undefined] : cut(address, "?");
  if (!isRepository(remote)) return undefined;
  const [ref, subdir] = cut(fragment ?? "", ":");
  const source: GitSource = { remote };
  if (ref !== "") source.ref = ref;
  if (subdir) source.subdir = subdir;
  for (const [key, value] of new URLSearchParams(query ?? "")) setFromQuery(source, key, value);
  return source;
}

function isRepository(remote: string): boolean {
  if (/^(git|ssh):\/\//.test(remote) || SCP_LIKE.test(remote)) return true;
  return /^https?:\/\/[^/]+\/.*\.git$/.test(remote);
}

function cut(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function setFromQuery(source: GitSource, key: string, value: string): void {
  switch (key) {
    case "ref":
    case "tag":
    case "branch":
      if (source.ref !== undefined && source.ref !== value) throw invalid(`several refs: ${source.ref} and ${value}`);
      source.ref = key === "tag" ? `refs/tags/${value}` : key === "branch" ? `refs/heads/${value}` : value;
      return;
    case "subdir":
      source.subdir = value;
      return;
    case "checksum":
    case "commit":
      source.checksum = value;
      return;
    case "keep-git-dir":
      source.keepGitDir = readBool(key, value);
      return;
    case "submodules":
      source.submodules = readBool(key, value);
      return;
    default:
      throw invalid(`unexpected query ${goQuoted(key)}: known are ${QUERY_KEYS}`);
  }
}

/** A key without a value means yes. */
function readBool(key: string, value: string): boolean {
  const known = value === "" ? true : findGoBool(value);
  if (known === undefined) throw invalid(`invalid value ${goQuoted(value)} for ${key} in the repository's address`);
  return known;
}

function invalid(message: string): NaruError {
  return new NaruError("invalid", message);
}
