/**
 * What the lines of a Dockerfile say: each instruction with its flags and arguments as a typed value. The words of errors
 * are those that docker's clients print (BuildKit 0.25).
 */
import { NaruError } from "../../lib/errors.ts";
import { goQuoted } from "../../lib/go-quote.ts";
import type { ArgDeclaration, Dockerfile, Instruction, ParsedDockerfile, ParsedLine, Stage } from "./ast.ts";
import { readCommand, readHealthcheck, readShell } from "./command-instructions.ts";
import { readAdd, readCopy } from "./copy-instructions.ts";
import { DockerfileError } from "./dockerfile-error.ts";
import { readFlags, splitInstruction } from "./flags.ts";
import { readJsonList } from "./json-form.ts";
import { parseLines, parseTrigger } from "./line-parser.ts";
import { readRun } from "./run-instruction.ts";
import { suggestionInCase } from "./suggestion.ts";
import { blankSeparated, quotedWords, readPairs } from "./words.ts";

const KEYWORDS = [
  ...["ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER"],
  ...["ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"],
];
const STAGE_NAME = /^[a-z][a-z0-9-_.]*$/;
const DOCKERFILE = { escape: "\\" } as const;

export function emptyDockerfile(): Dockerfile {
  return { parsed: { escape: "\\", directives: [], lines: [], emptyContinuations: [] }, globalArgs: [], stages: [] };
}

/** `result` has what was read so far also when the rest is wrong. @throws {DockerfileError} with the place */
export function parseDockerfile(bytes: Uint8Array, result = emptyDockerfile()): Dockerfile {
  if (bytes.length === 0) throw new NaruError("invalid", "the Dockerfile cannot be empty");
  const parsed = parseLines(bytes);
  result.parsed = parsed;
  for (const line of parsed.lines) {
    const stage = result.stages.at(-1);
    if (line.keyword.toUpperCase() === "FROM") result.stages.push(atLine(line, () => readFrom(line)));
    else {
      const instruction = atLine(line, () => readInstruction(line, parsed.escape));
      if (stage) stage.instructions.push(instruction);
      else if (instruction.kind === "ARG") result.globalArgs.push(instruction);
      else throw new DockerfileError("no build stage in current context", [line.range], line.keyword);
    }
  }
  if (result.stages.length === 0) throw new NaruError("invalid", "dockerfile contains no stages to build");
  return result;
}

/** The instruction that an ONBUILD trigger stands for, at the place of the FROM that runs it. @throws {NaruError} */
export function parseOnbuildTrigger(trigger: string): Instruction {
  const line = parseTrigger(trigger);
  if (line.keyword.toUpperCase() === "FROM") throw new NaruError("invalid", "FROM isn't allowed as an ONBUILD trigger");
  return readInstruction(line, DOCKERFILE.escape);
}

/** Errors get the line; those of the instruction itself also docker's prefix. */
function atLine<T>(line: ParsedLine, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof NaruError)) throw error;
    const message = `dockerfile parse error on line ${line.range.start.line}: ${error.message}`;
    throw new DockerfileError(message, [line.range], nearOf(error, line), { cause: error });
  }
}

/** The word at fault is the first quoted or flagged one in the message that also stands in the line. */
function nearOf(error: NaruError, line: ParsedLine): string {
  const words = error.message.match(/--[\w-]+|"[^"]+"|'[^']+'|\b[A-Za-z]+\b/g) ?? [];
  const found = words
    .map((word) => word.replace(/^["']|["']$/g, ""))
    .find((word) => word.length > 1 && line.original.includes(word));
  return found ?? line.keyword;
}

function readInstruction(line: ParsedLine, token: ParsedDockerfile["escape"]): Instruction {
  const place = {
    ...{ text: line.original.trim(), keyword: line.keyword, range: line.range, comments: line.comments },
  };
  const keyword = line.keyword.toUpperCase();
  switch (keyword) {
    case "ADD":
      return { ...place, ...readAdd(line) };
    case "ARG":
      return { ...place, kind: "ARG", args: readArgs(line, token) };
    case "CMD":
    case "ENTRYPOINT":
      noFlags(line);
      return { ...place, kind: keyword, command: readCommand(line) };
    case "COPY":
      return { ...place, ...readCopy(line) };
    case "ENV":
    case "LABEL":
      return { ...place, kind: keyword, pairs: readPairList(line, keyword, token) };
    case "EXPOSE":
      return { ...place, kind: "EXPOSE", ports: atLeastOne(line, blankSeparated(line.rest)).toSorted() };
    case "HEALTHCHECK":
      return { ...place, kind: "HEALTHCHECK", ...readHealthcheck(line) };
    case "MAINTAINER":
      return { ...place, kind: "MAINTAINER", maintainer: exactlyOne(line) };
    case "ONBUILD":
      return { ...place, kind: "ONBUILD", trigger: readOnbuild(line) };
    case "RUN":
      return { ...place, ...readRun(line) };
    case "SHELL":
      noFlags(line);
      return { ...place, kind: "SHELL", shell: readShell(line) };
    case "STOPSIGNAL":
      return { ...place, kind: "STOPSIGNAL", signal: exactlyOne(line) };
    case "USER":
      return { ...place, kind: "USER", user: exactlyOne(line) };
    case "VOLUME":
      return { ...place, kind: "VOLUME", paths: readVolumes(line) };
    case "WORKDIR":
      return { ...place, kind: "WORKDIR", path: exactlyOne(line) };
    default:
      throw invalid(`unknown instruction: ${line.keyword}${suggestionInCase(line.keyword, KEYWORDS)}`);
  }
}

function invalid(message: string): NaruError {
  return new NaruError("invalid", message);
}

function noFlags(line: ParsedLine): void {
  readFlags(line.flags, {});
}

function exactlyOne(line: ParsedLine): string {
  if (line.rest === "") throw invalid(`${line.keyword.toUpperCase()} requires exactly one argument`);
  noFlags(line);
  return line.rest;
}

function atLeastOne(line: ParsedLine, words: string[]): string[] {
  if (words.length === 0) throw invalid(`${line.keyword.toUpperCase()} requires at least one argument`);
  noFlags(line);
  return words;
}

function readPairList(line: ParsedLine, keyword: "ENV" | "LABEL", token: ParsedDockerfile["escape"]) {
  const pairs = readPairs(line.rest, keyword, token);
  noFlags(line);
  if (pairs.length === 0) throw invalid(`${keyword} requires at least one argument`);
  if (pairs.some(({ key }) => key === "")) throw invalid(`${keyword} names can not be blank`);
  return pairs;
}

function readArgs(line: ParsedLine, token: ParsedDockerfile["escape"]): ArgDeclaration[] {
  return atLeastOne(line, quotedWords(line.rest, token)).map((word) => {
    const equals = word.indexOf("=");
    if (equals === 0) throw invalid("ARG names can not be blank");
    const name = equals < 0 ? word : word.slice(0, equals);
    return { name, value: equals < 0 ? undefined : word.slice(equals + 1), description: describe(line, name) };
  });
}

/** A comment above that begins with the name describes it. */
function describe(line: ParsedLine, name: string): string {
  if (name === "") return "";
  const comment = line.comments.find((text) => text.startsWith(`${name} `));
  return comment?.slice(name.length + 1) ?? "";
}

function readVolumes(line: ParsedLine): string[] {
  const list = readJsonList(line.rest) ?? blankSeparated(line.rest);
  const paths = atLeastOne(line, list).map((path) => path.trim());
  if (paths.includes("")) throw invalid("VOLUME specified can not be an empty string");
  return paths;
}

function readFrom(line: ParsedLine): Stage {
  const [base, asKeyword = "", writtenName = "", ...others] = blankSeparated(line.rest);
  const hasName = asKeyword.toLowerCase() === "as" && writtenName !== "" && others.length === 0;
  if (base === undefined || (asKeyword !== "" && !hasName)) {
    throw invalid("FROM requires either one or three arguments");
  }
  const name = writtenName.toLowerCase();
  if (hasName && !STAGE_NAME.test(name)) {
    throw invalid(
      `invalid name for build stage: ${goQuoted(writtenName)}, name can't start with a number or contain symbols`,
    );
  }
  const flags = readFlags(line.flags, { platform: "text" });
  return {
    ...{ name, writtenName, asKeyword, fromKeyword: line.keyword, base },
    platform: flags.platform ?? "",
    description: describe(line, name),
    comments: line.comments,
    text: line.original.trim(),
    range: line.range,
    instructions: [],
  };
}

function readOnbuild(line: ParsedLine): string {
  if (line.rest === "") throw invalid("ONBUILD requires at least one argument");
  const keyword = splitInstruction(line.rest).keyword.toUpperCase();
  noFlags(line);
  if (keyword === "ONBUILD") throw invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (keyword === "MAINTAINER" || keyword === "FROM") {
    throw invalid(`${keyword} isn't allowed as an ONBUILD trigger`);
  }
  const heredocs = line.heredocs.map(({ content, name }) => `\n${content}${name}`);
  return line.original.replace(/^\s*ONBUILD\s*/i, "") + heredocs.join("");
}
