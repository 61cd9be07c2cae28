/** Who a container's process runs as: `--user` and `--group-add` against the image's passwd(5) and group(5). Pure. */
import { NaruError } from "../lib/errors.ts";
import type { OciUser } from "./oci-spec.ts";

/** Contents of /etc/passwd and /etc/group in the container; empty when there is no such file. */
export interface AccountFiles {
  passwd: string;
  group: string;
}

/** The kernel has more ids, but Docker stops at the largest positive 32-bit number. */
const MAX_ID = 0x7fffffff;

interface Passwd {
  name: string;
  uid: number;
  gid: number;
  home: string;
}
interface Group {
  name: string;
  gid: number;
  members: string[];
}

/**
 * Resolves "", "user", "uid", "user:group" and the like; a part that is empty means root or the user's own group.
 * Without an explicit group the user's supplementary groups come along. Additional groups begin with the primary one:
 * a process must not be able to lose it (CVE-2022-36109).
 * @throws {NaruError} internal, in Docker's words, for an unknown name or a number out of range.
 */
export function resolveUser(spec: string, groupAdd: readonly string[], files: AccountFiles): OciUser {
  const [userPart = "", groupPart = ""] = spec.split(":");
  // A number is never taken for a name, also where an account is called so.
  const wantedUid = userPart === "" ? 0 : parseInteger(userPart);
  const entry = parsePasswd(files.passwd).find(({ name, uid }) =>
    wantedUid === undefined ? name === userPart : uid === wantedUid,
  );
  const uid = entry?.uid ?? wantedUid;
  if (uid === undefined) {
    throw new NaruError("internal", `unable to find user ${userPart}: no matching entries in passwd file`);
  }
  inRange(uid);
  const groups = parseGroups(files.group);
  if (groupPart !== "") {
    const gid = findGroup(groups, groupPart);
    return { uid, gid, additionalGids: [gid, ...additionalGroups(groupAdd, groups)] };
  }
  const gid = entry?.gid ?? 0;
  const supplementary = entry ? groups.filter(({ members }) => members.includes(entry.name)) : [];
  const additionalGids = [gid, ...supplementary.map((group) => group.gid), ...additionalGroups(groupAdd, groups)];
  return { uid, gid, additionalGids: [...new Set(additionalGids)] };
}

/** The environment with the HOME that the user's account names, "/" without account, unless it has one that is not empty. */
export function environmentWithHome(env: readonly string[], { uid }: OciUser, { passwd }: AccountFiles): string[] {
  if (env.some((variable) => /^HOME=./s.test(variable))) return [...env];
  const home = parsePasswd(passwd).find((user) => user.uid === uid)?.home ?? "/";
  return [...env.filter((variable) => !variable.startsWith("HOME=")), `HOME=${home}`];
}

function additionalGroups(names: readonly string[], groups: Group[]): number[] {
  return names.map((name) => findGroup(groups, name));
}

function findGroup(groups: Group[], wanted: string): number {
  const number = parseInteger(wanted);
  if (number !== undefined) return inRange(number);
  const group = groups.find(({ name }) => name === wanted);
  if (group) return group.gid;
  throw new NaruError("internal", `unable to find group ${wanted}: no matching entries in group file`);
}

function inRange(id: number): number {
  if (id >= 0 && id <= MAX_ID) return id;
  throw new NaruError("internal", `uids and gids must be in range 0-${MAX_ID}`);
}

const parseInteger = (text: string): number | undefined => (/^[+-]?\d+$/.test(text) ? Number(text) : undefined);

function parsePasswd(text: string): Passwd[] {
  return records(text).map(([name = "", , uid, gid, , home = ""]) => ({ name, uid: idOf(uid), gid: idOf(gid), home }));
}
function parseGroups(text: string): Group[] {
  return records(text).map(([name = "", , gid, members = ""]) => ({
    name,
    gid: idOf(gid),
    members: members.split(",").filter(Boolean),
  }));
}
const idOf = (text: string | undefined): number => parseInteger(text ?? "") ?? 0;
const records = (text: string): string[][] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean)
    .map((line) => line.split(":"));
