/** COPY and ADD as a step: from contexts, stages, images, URLs, repositories and here-documents. */
import { NaruError } from "../../lib/errors.ts";
import { type GitSource, parseGitSource } from "../../lib/git-address.ts";
import { goQuoted } from "../../lib/go-quote.ts";
import { cleanPattern } from "../../lib/ignore-patterns.ts";
import type { Digest } from "../../model/image.ts";
import type { AddInstruction, CopyInstruction } from "../dockerfile/ast.ts";
import type { CopyAction, FileAction, FileOperation, GitOperation, Step } from "../solver/graph.ts";
import { HISTORY_COMMENT } from "./config-instructions.ts";
import { checkFileMode } from "./file-mode.ts";
import { mainContext } from "./main-context.ts";
import { expandDocument, expandWord, type Planning } from "./planning.ts";
import { type Command, type StageNode, slotOf } from "./stage-node.ts";
import { cleanAbsolute, destinationIn } from "./stage-paths.ts";
import { nameWithNumber, numberedName, shownInstruction } from "./step-name.ts";

/** The instruction with all words expanded. */
interface Copy {
  instruction: CopyInstruction | AddInstruction;
  sources: string[];
  documents: { name: string; text: string }[];
  destination: string;
  chown: string;
  chmod: string;
  checksum: string;
  excludes: string[];
}

/** Adds the step to the stage. @throws {NaruError} invalid */
export function addCopy(
  planning: Planning,
  node: StageNode,
  command: Command,
  instruction: CopyInstruction | AddInstruction,
): Step {
  const copy = expandCopy(planning, node, instruction);
  if (copy.chmod !== "") checkFileMode(copy.chmod);
  if (copy.checksum !== "") checkChecksumUse(copy);
  const text = shownInstruction(instruction.text, node.env, planning.dockerfile.parsed.escape, false);
  const name = numberedName(node, text, planning.showsPlatform, node.platform!);
  const actions = [
    ...copy.sources.map((source) => sourceAction(planning, node, command, copy, source, name)),
    ...copy.documents.map((document) => documentAction(node, copy, document)),
  ];
  const step = fileStep(planning, node, command, copy, actions, { name, text });
  node.root = step;
  node.history.push({ created_by: historyText(copy), comment: HISTORY_COMMENT, step });
  return step;
}

function expandCopy(planning: Planning, node: StageNode, instruction: CopyInstruction | AddInstruction): Copy {
  const word = (text: string) => expandWord(planning, node, instruction, text);
  return {
    instruction,
    chown: word(instruction.chown),
    chmod: word(instruction.chmod),
    checksum: instruction.kind === "ADD" ? word(instruction.checksum) : "",
    excludes: instruction.excludes.map(word),
    destination: word(instruction.destination),
    sources: instruction.sources.map(word),
    documents: instruction.inlineFiles.map(({ path, content, expand }) => ({
      name: path,
      text: expand ? expandDocument(planning, node, instruction, content) : content,
    })),
  };
}

function checkChecksumUse({ sources }: Copy): void {
  if (sources.length !== 1) throw invalid("checksum can't be specified for multiple sources");
  if (!isUrl(sources[0]!) && !parseGitSource(sources[0]!)) throw invalid("checksum requires HTTP(S) or Git sources");
}

function isUrl(source: string): boolean {
  return source.startsWith("http://") || source.startsWith("https://");
}

/** `--link` puts the files on an empty root, so that the layer does not depend on what lies below it. */
function fileStep(
  planning: Planning,
  node: StageNode,
  command: Command,
  copy: Copy,
  actions: FileAction[],
  { name, text }: { name: string; text: string },
): Step {
  const ignoresCache = node.ignoresCache || undefined;
  const show = { name, group: node.name || undefined, range: copy.instruction.range, slot: slotOf(node, command) };
  // Names of users are those of the stage's own root.
  const isLinked = copy.instruction.link && /^(\d+(:\d+)?)?$/.test(copy.chown);
  if (!isLinked) {
    const operation: FileOperation = { type: "file", root: node.root, actions };
    return { operation, show, ignoresCache };
  }
  const files: Step<FileOperation> = { operation: { type: "file", root: undefined, actions }, show, ignoresCache };
  const linkName = nameWithNumber(node, `LINK ${text}`, planning.showsPlatform, node.platform!);
  const merge = { type: "merge", roots: [node.root, files] } as const;
  return { operation: merge, show: { ...show, name: linkName, slot: `${slotOf(node, command)}-link` } };
}

function sourceAction(
  planning: Planning,
  node: StageNode,
  command: Command,
  copy: Copy,
  source: string,
  name: string,
): CopyAction {
  const { instruction } = copy;
  const git = parseGitSource(source);
  if (git) return gitAction(node, copy, git, name);
  if (isUrl(source)) return urlAction(node, copy, source, name);
  const common = commonAction(node, copy);
  const isCopy = instruction.kind === "COPY";
  const stage = command.sources[0];
  const paths = isCopy && instruction.parents ? parentPaths(source) : { path: cleanAbsolute(source), read: source };
  if (!stage) reportIgnored(planning, copy, source);
  return {
    ...common,
    from: stage ? stageTree(node, stage, instruction, paths.read) : mainContext(planning, [cleanAbsolute(paths.read)]),
    sources: [paths.path],
    ...(isCopy && instruction.parents ? { keepsParents: true } : {}),
    ...(isCopy || instruction.unpack === false ? {} : { unpacks: true }),
    ...(hasWildcard(source) ? { allowsNoMatch: true } : {}),
  };
}

function commonAction(node: StageNode, copy: Copy): Omit<CopyAction, "from" | "sources"> {
  const destination = destinationIn(node.config.WorkingDir || "/", copy.destination);
  const isOneFile = copy.sources.length + copy.documents.length === 1;
  return {
    action: "copy",
    destination: isOneFile || destination.endsWith("/") ? destination : `${destination}/`,
    ...(copy.chown === "" ? {} : { owner: copy.chown }),
    ...(copy.chmod === "" ? {} : { mode: copy.chmod }),
    ...(copy.excludes.length === 0 ? {} : { exclude: copy.excludes }),
    ...(copy.instruction.link ? { replacesLinks: true } : {}),
  };
}

function stageTree(node: StageNode, stage: StageNode, instruction: Copy["instruction"], path: string) {
  if (!stage.isDispatched) {
    const from = instruction.kind === "COPY" ? instruction.from : "";
    const place = `it needs to be defined before current stage ${goQuoted(node.name)}`;
    throw invalid(`cannot copy from stage ${goQuoted(from)}, ${place}`);
  }
  stage.paths.add(cleanAbsolute(path));
  return stage.root;
}

/** "a/./b/c": what stands before the point is left out of the destination. */
function parentPaths(source: string): { path: string; read: string } {
  const pivot = source.indexOf("/./");
  if (pivot < 0) return { path: cleanAbsolute(source), read: source };
  const [base, rest] = [cleanAbsolute(source.slice(0, pivot)), cleanAbsolute(source.slice(pivot + 3))];
  return { path: `${base === "/" ? "" : base}/.${rest}`, read: source };
}

export function hasWildcard(path: string): boolean {
  return /(?<!\\)(?:\\\\)*[*?[]/.test(path);
}

function urlAction(node: StageNode, copy: Copy, url: string, name: string): CopyAction {
  const { instruction } = copy;
  if (instruction.kind === "COPY") throw invalid("source can't be a URL for COPY");
  const filename = URL.canParse(url) ? new URL(url).pathname.split("/").filter(Boolean).at(-1) : undefined;
  const file = filename === undefined ? "__unnamed__" : decoded(filename);
  const checksum = copy.checksum === "" ? undefined : readDigest(copy.checksum);
  const operation = { type: "http", url, filename: file, checksum } as const;
  const download: Step = { operation, show: { name, group: node.name || undefined, range: instruction.range } };
  const unpacks = instruction.unpack === true ? { unpacks: true } : {};
  return { ...commonAction(node, copy), from: download, sources: [`/${file}`], ...unpacks };
}

function decoded(text: string): string {
  try {
    const name = decodeURIComponent(text);
    return name.includes("/") ? text : name;
  } catch {
    // A percent sign that encodes nothing stays.
    return text;
  }
}

function readDigest(text: string): Digest {
  const [algorithm = "", hex = ""] = text.split(":");
  if (!text.includes(":")) throw invalid("invalid checksum digest format");
  if (algorithm !== "sha256") throw invalid("unsupported digest algorithm");
  if (!/^[0-9a-f]*$/.test(hex)) throw invalid("invalid checksum digest format");
  if (hex.length !== 64) throw invalid("invalid checksum digest length");
  return `sha256:${hex}`;
}

function gitAction(node: StageNode, copy: Copy, source: GitSource, name: string): CopyAction {
  const { instruction } = copy;
  if (instruction.kind === "COPY") throw invalid("source can't be a git ref for COPY");
  const { remote, ref, subdir, submodules } = source;
  const operation: GitOperation = { type: "git", remote };
  if (ref !== undefined) operation.ref = ref;
  if (subdir !== undefined) operation.subdir = subdir;
  const keepGitDir = agreed(instruction.keepGitDir, source.keepGitDir, "inconsistent keep-git-dir configuration");
  if (keepGitDir) operation.keepGitDir = true;
  if (submodules === false) operation.skipSubmodules = true;
  const written = copy.checksum || undefined;
  const checksum = agreed(
    written,
    source.checksum,
    `checksum mismatch ${goQuoted(written ?? "")} != ${goQuoted(source.checksum ?? "")}`,
  );
  if (checksum !== undefined) operation.checksum = checksum;
  const checkout: Step = { operation, show: { name, group: node.name || undefined, range: instruction.range } };
  const action = commonAction(node, copy);
  // The whole tree goes into the destination, which is a directory whatever its name looks like.
  const destination = action.destination.endsWith("/") ? action.destination : `${action.destination}/`;
  return { ...action, destination, from: checkout, sources: ["/"] };
}

/** The flag and the address may say the same, but nothing different. */
function agreed<Value>(flag: Value | undefined, address: Value | undefined, complaint: string): Value | undefined {
  if (flag !== undefined && address !== undefined && flag !== address) throw invalid(complaint);
  return address ?? flag;
}

function documentAction(node: StageNode, copy: Copy, { name, text }: Copy["documents"][number]): FileAction {
  const { destination, owner, mode, replacesLinks } = commonAction(node, copy);
  const data = new TextEncoder().encode(text);
  return { action: "mkfile", path: destination, name, data, owner, mode, replacesLinks };
}

/** The paths that .dockerignore leaves out can never be copied; with exceptions nobody can tell from the pattern alone. */
function reportIgnored({ ignores, report }: Planning, { instruction }: Copy, source: string): void {
  const { matcher } = ignores;
  if (!matcher || matcher.hasExceptions) return;
  const path = cleanPattern(source).replace(/^\/+/, "") || ".";
  const leavesAll = matcher.patterns.some((pattern) => ["*", "**", "**/*"].includes(pattern));
  if (path === "." ? !leavesAll : !matcher.excludes(path)) return;
  const verb = instruction.kind === "ADD" ? "Add" : "Copy";
  report.report("CopyIgnoredFile", instruction.range, instruction.comments, verb, path);
}

/** "COPY --chown=1:1 a b /c # buildkit". */
function historyText(copy: Copy): string {
  const { instruction, chown, chmod } = copy;
  const flags = [
    ...(instruction.kind === "COPY" && instruction.parents ? ["--parents"] : []),
    ...(chown === "" ? [] : [`--chown=${chown}`]),
    ...(chmod === "" ? [] : [`--chmod=${chmod}`]),
  ];
  const documents = copy.documents.map(({ name }) => `<<${name}`);
  return [instruction.kind, ...flags, ...copy.sources, ...documents, copy.destination, "# buildkit"].join(" ");
}

function invalid(message: string): NaruError {
  return new NaruError("invalid", message);
}
