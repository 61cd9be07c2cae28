/** Sources of a client's build graph: images, directories, repositories, downloads, results of other builds. */
import { isDigest } from "../../lib/digest.ts";
import { NaruError } from "../../lib/errors.ts";
import { canonicalReference, parseReference } from "../../lib/image-reference.ts";
import type { Platform } from "../../model/image.ts";
import type { ContextSource } from "../contract.ts";
import type { Operation, PlanningServices, Step } from "../solver/graph.ts";

export interface SourceParts {
  services: PlanningServices;
  /** A directory of the client's; `session` names another one than the build's. */
  local(name: string, session: string | undefined): Promise<ContextSource>;
  /** What another build of the same client gave. @throws {NaruError} not-found when that is over */
  result(id: string): Promise<Step | undefined>;
}

type Attributes = Readonly<Record<string, string>>;
type Named = (operation: Operation, name: string) => Step;

/** @throws {NaruError} not-implemented for sources that naru does not have */
export async function sourceOf(
  { identifier, attrs }: { identifier: string; attrs: Attributes },
  platform: Platform,
  parts: SourceParts,
  named: Named,
): Promise<Step | undefined> {
  const [, scheme = "", rest = ""] = /^([a-z0-9+-]+):\/\/(.*)$/s.exec(identifier) ?? [];
  switch (scheme) {
    case "docker-image": {
      const name = canonicalReference(parseReference(rest));
      const image = await parts.services.resolveImage(name, { platform, pull: attrs["image.resolvemode"] === "pull" });
      return named({ type: "image", image }, `FROM ${rest}`);
    }
    case "local": {
      const from = named(await localOperation(rest, attrs, parts), `[internal] load ${rest}`);
      // A directory of the client's is no layer that others could stand on.
      const copy = { action: "copy", from, sources: ["/"], destination: "/" } as const;
      return named({ type: "file", root: undefined, actions: [copy] }, `copy ${rest}`);
    }
    case "git":
      return named(gitOperation(rest, attrs), `[internal] load git source ${rest}`);
    case "http":
    case "https":
      return named(httpOperation(identifier, attrs), `[internal] load ${identifier}`);
    case "naru-result":
      return await parts.result(rest);
    default:
      throw new NaruError(
        "not-implemented",
        `the source ${identifier} of a client's build graph is not supported: images, directories, git and http are`,
      );
  }
}

async function localOperation(name: string, attrs: Attributes, parts: SourceParts): Promise<Operation> {
  const include = [...listOf(attrs["local.includepattern"]), ...listOf(attrs["local.followpaths"])];
  const exclude = listOf(attrs["local.excludepatterns"]);
  return {
    type: "local",
    context: await parts.local(name, attrs["local.sessionid"]),
    ...(include.length > 0 ? { include } : {}),
    ...(exclude.length > 0 ? { exclude } : {}),
  };
}

/** "HOST/PATH#REF:DIRECTORY". */
function gitOperation(address: string, attrs: Attributes): Operation {
  const [place = "", fragment = ""] = address.split("#");
  const [ref = "", subdir = ""] = fragment.split(":");
  const checksum = attrs["git.checksum"];
  return {
    type: "git",
    remote: attrs["git.fullurl"]?.split("#")[0] ?? `https://${place}`,
    ...(ref === "" ? {} : { ref }),
    ...(subdir === "" ? {} : { subdir }),
    ...(checksum ? { checksum } : {}),
    ...(attrs["git.keepgitdir"] === "true" ? { keepGitDir: true } : {}),
    ...(attrs["git.skipsubmodules"] === "true" ? { skipSubmodules: true } : {}),
  };
}

function httpOperation(url: string, attrs: Attributes): Operation {
  for (const name of ["http.perm", "http.uid", "http.gid", "http.authheadersecret"]) {
    if (attrs[name]) throw new NaruError("not-implemented", `the attribute ${name} of a download is not supported`);
  }
  const checksum = attrs["http.checksum"];
  if (checksum && !isDigest(checksum)) throw new NaruError("invalid", `${checksum} is no digest of a download`);
  if (!URL.canParse(url)) throw new NaruError("invalid", `${JSON.stringify(url)} is no address of a download`);
  const filename = attrs["http.filename"] || new URL(url).pathname.split("/").at(-1) || "download";
  if (filename === "." || filename === ".." || /[/\0]/.test(filename)) {
    throw new NaruError("invalid", `${JSON.stringify(filename)} is no name for a download: leave folders out of it`);
  }
  return { type: "http", url, filename, ...(isDigest(checksum) ? { checksum } : {}) };
}

/** Lists travel as JSON. */
function listOf(text: string | undefined): string[] {
  if (!text) return [];
  try {
    const list: unknown = JSON.parse(text);
    if (Array.isArray(list) && list.every((item) => typeof item === "string")) return list;
  } catch (cause) {
    throw new NaruError("invalid", `${text} is no list of patterns in JSON`, { cause });
  }
  throw new NaruError("invalid", `${text} is no list of patterns`);
}
