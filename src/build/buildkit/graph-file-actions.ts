/** Actions on files of a client's build graph. */
import { basename, dirname } from "node:path";
import { NaruError } from "../../lib/errors.ts";
import type { FileAction, Step } from "../solver/graph.ts";
import type { WireAction, WireCopy, WireOwner } from "./graph-messages.ts";

/** `secondary` is what a copy takes from. @throws {NaruError} not-implemented for what naru's steps cannot do */
export function fileAction({ copy, mkfile, mkdir, rm, symlink }: WireAction, secondary: Step | undefined): FileAction {
  if (copy) return copyAction(copy, secondary);
  if (mkfile) {
    refuseTime(mkfile.timestamp);
    const { path, data, mode, owner } = mkfile;
    return { action: "mkfile", path, name: basename(path), data, ...modeOf(mode), ...ownerOf(owner) };
  }
  if (mkdir) {
    refuseTime(mkdir.timestamp);
    const { path, mode, owner } = mkdir;
    return { action: "mkdir", path, ...(mode >= 0 ? { mode } : {}), ...ownerOf(owner) };
  }
  if (rm) {
    if (rm.allowWildcard && /[*?[]/.test(rm.path)) throw missing("removing by pattern");
    return { action: "rm", path: rm.path, allowsNoMatch: rm.allowNotFound };
  }
  if (symlink) return { action: "symlink", path: symlink.newpath, target: symlink.oldpath };
  throw missing("an unknown action on files");
}

function copyAction(copy: WireCopy, from: Step | undefined): FileAction {
  refuseTime(copy.timestamp);
  if (copy.include_patterns.length > 0) throw missing("copying with include patterns");
  if (copy.alwaysReplaceExistingDestPaths) throw missing("replacing a directory by what is copied");
  const { dest, exclude_patterns: exclude } = copy;
  const src = copy.allowWildcard ? copy.src : copy.src.replace(/[*?[\]\\]/g, "\\$&");
  // A directory itself, not its content, goes into a directory.
  const keepsName =
    !copy.dirCopyContents && !copy.attemptUnpackDockerCompatibility && dest.endsWith("/") && src !== "/";
  return {
    action: "copy",
    from,
    sources: [keepsName ? `${dirname(src)}/./${basename(src)}` : src],
    destination: dest,
    ...(keepsName ? { keepsParents: true } : {}),
    ...ownerOf(copy.owner),
    ...(copy.modeStr ? { mode: copy.modeStr } : modeOf(copy.mode)),
    ...(exclude.length > 0 ? { exclude } : {}),
    ...(copy.attemptUnpackDockerCompatibility ? { unpacks: true } : {}),
    ...(copy.allowEmptyWildcard ? { allowsNoMatch: true } : {}),
  };
}

function modeOf(mode: number): { mode?: string } {
  return mode >= 0 ? { mode: mode.toString(8).padStart(4, "0") } : {};
}

function ownerOf(owner: WireOwner | undefined): { owner?: string } {
  if (!owner) return {};
  const text = (user: WireOwner["user"]) => (user?.byName ? user.byName.name : String(user?.byID ?? 0));
  return { owner: owner.group ? `${text(owner.user)}:${text(owner.group)}` : text(owner.user) };
}

/** -1: as it comes; older clients leave 0. */
function refuseTime(timestamp: number): void {
  if (timestamp > 0) throw missing("giving files a time");
}

function missing(what: string): NaruError {
  return new NaruError(
    "not-implemented",
    `${what} in a client's build graph is not supported: write it as a RUN or a COPY`,
  );
}
