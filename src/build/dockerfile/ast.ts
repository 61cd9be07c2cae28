/**
 * The tree of a Dockerfile, as written: nothing is expanded yet, because variables have values only when the frontend
 * walks a stage. `Parsed…` types come from the lines (line-parser.ts), `…Instruction` types from the instructions
 * (instruction-parser.ts).
 */
import type { HealthConfig } from "../../model/container.ts";
import type { SourceRange } from "../contract.ts";

/** A here-document. `expand` is false when its word was quoted; `chomp` (<<-) takes leading tabs away. */
export interface Heredoc {
  name: string;
  content: string;
  expand: boolean;
  chomp: boolean;
  fileDescriptor: number;
}

/** One instruction's lines, joined, before anybody looks at what it means. */
export interface ParsedLine {
  /** As written: "run", "RUN". */
  keyword: string;
  /** "--name" or "--name=value", in order. */
  flags: string[];
  /** What follows the keyword and the flags, continuations joined. */
  rest: string;
  /** Keyword, flags and rest joined to one line, as written. */
  original: string;
  range: SourceRange;
  heredocs: Heredoc[];
  /** Comment lines directly above, without "#" and the space after it. */
  comments: string[];
}

export interface ParserDirective {
  name: "syntax" | "escape" | "check";
  value: string;
  range: SourceRange;
}

/** Lines that the language only warns of. */
interface EmptyContinuation {
  range: SourceRange;
}

export interface ParsedDockerfile {
  escape: "\\" | "`";
  directives: ParserDirective[];
  lines: ParsedLine[];
  emptyContinuations: EmptyContinuation[];
}

/** `exec`: the JSON form. `arguments` of the shell form is one text (heredocs apart). */
export interface CommandLine {
  form: "shell" | "exec";
  arguments: string[];
  heredocs: Heredoc[];
}

/** What every instruction has. `text` is its original line, for history entries and step names. */
interface InstructionBase {
  text: string;
  /** As written: "run", "RUN". */
  keyword: string;
  range: SourceRange;
  /** Comment lines directly above. */
  comments: string[];
}

/** An instruction without what its line says of all. */
export type Unplaced<Kind extends InstructionBase> = Omit<Kind, keyof InstructionBase>;

export interface Pair {
  key: string;
  value: string;
  /** "KEY value" without an equals sign. */
  legacy: boolean;
}
export interface ArgDeclaration {
  name: string;
  /** Undefined: "ARG name" alone. */
  value?: string;
  /** From a comment above that starts with the name. */
  description?: string;
}

export interface ArgInstruction extends InstructionBase {
  kind: "ARG";
  args: ArgDeclaration[];
}
export interface RunInstruction extends InstructionBase {
  kind: "RUN";
  command: CommandLine;
  /** The texts of --mount=…, still with variables: parseRunMount() (run-mount.ts) reads them. */
  mounts: string[];
  network: "default" | "none" | "host";
  security: "sandbox" | "insecure";
  devices: { name: string; required: boolean }[];
  /** Flags as written, for history and names ("--mount=type=cache,…"). */
  flags: string[];
}
export interface CmdInstruction extends InstructionBase {
  kind: "CMD";
  command: CommandLine;
}
export interface EntrypointInstruction extends InstructionBase {
  kind: "ENTRYPOINT";
  command: CommandLine;
}
interface ShellInstruction extends InstructionBase {
  kind: "SHELL";
  shell: string[];
}
export interface EnvInstruction extends InstructionBase {
  kind: "ENV";
  pairs: Pair[];
}
export interface LabelInstruction extends InstructionBase {
  kind: "LABEL";
  pairs: Pair[];
}
interface MaintainerInstruction extends InstructionBase {
  kind: "MAINTAINER";
  maintainer: string;
}
export interface ExposeInstruction extends InstructionBase {
  kind: "EXPOSE";
  ports: string[];
}
interface VolumeInstruction extends InstructionBase {
  kind: "VOLUME";
  paths: string[];
}
interface UserInstruction extends InstructionBase {
  kind: "USER";
  user: string;
}
export interface WorkdirInstruction extends InstructionBase {
  kind: "WORKDIR";
  path: string;
}
interface StopsignalInstruction extends InstructionBase {
  kind: "STOPSIGNAL";
  signal: string;
}
export interface HealthcheckInstruction extends InstructionBase {
  kind: "HEALTHCHECK";
  health: HealthConfig;
  /** The shell form of its CMD. */
  isShell: boolean;
}
interface OnbuildInstruction extends InstructionBase {
  kind: "ONBUILD";
  /** The trigger as it goes into the image. */
  trigger: string;
}

/** A file whose content stands in the Dockerfile; `path` is its name under the destination. */
export interface InlineFile {
  path: string;
  content: string;
  expand: boolean;
}
interface FileCopy extends InstructionBase {
  /** Paths, wildcards, addresses, in order; heredocs apart. */
  sources: string[];
  inlineFiles: InlineFile[];
  destination: string;
  chown: string;
  /** Octal or symbolic; empty: as the source has it. */
  chmod: string;
  link: boolean;
  excludes: string[];
  flags: string[];
}
export interface CopyInstruction extends FileCopy {
  kind: "COPY";
  /** Stage name or index, named context or image; empty: the context. */
  from: string;
  parents: boolean;
}
export interface AddInstruction extends FileCopy {
  kind: "ADD";
  checksum: string;
  /** Undefined: not said. */
  keepGitDir?: boolean;
  unpack?: boolean;
}

export type Instruction =
  | ArgInstruction
  | RunInstruction
  | CmdInstruction
  | EntrypointInstruction
  | ShellInstruction
  | EnvInstruction
  | LabelInstruction
  | MaintainerInstruction
  | ExposeInstruction
  | VolumeInstruction
  | UserInstruction
  | WorkdirInstruction
  | StopsignalInstruction
  | HealthcheckInstruction
  | OnbuildInstruction
  | CopyInstruction
  | AddInstruction;

export interface Stage {
  /** Lower-case name; empty when it has none. */
  name: string;
  /** As written, with "AS" in its own case, for the checks. */
  writtenName: string;
  asKeyword: string;
  fromKeyword: string;
  /** Image, earlier stage, or "scratch", with variables. */
  base: string;
  /** Text of --platform; empty when not given. */
  platform: string;
  description: string;
  /** Comment lines directly above. */
  comments: string[];
  text: string;
  range: SourceRange;
  instructions: Instruction[];
}

export interface Dockerfile {
  parsed: ParsedDockerfile;
  /** ARGs before the first FROM. */
  globalArgs: ArgInstruction[];
  stages: Stage[];
}
