/** Why a runtime could not start a process, in Docker's words: clients derive exit codes 126 and 127 from them. Pure. */
import { NaruError } from "../lib/errors.ts";

interface FailedStart {
  /** "crun" or "runc". */
  runtime: string;
  /** What the runtime said, or what the monitor said about it. */
  message: string;
  /** The command, for messages that do not name it. */
  args: readonly string[];
  /** In the container. */
  cwd: string;
}

const TASK = "failed to create task for container: failed to create shim task: OCI runtime create failed";
const EXEC = "OCI runtime exec failed: exec failed";
const START = "unable to start container process";
const MOUNT_HINT =
  "Are you trying to mount a directory onto a file (or vice-versa)? " +
  "Check if the specified host path exists and is the expected type";
/** Errors of the user's own making: a command that cannot be executed, a mount that does not fit. */
const INVALID = /permission denied|is a directory|executable file not found|no such file or directory|not a directory/;

/** A container that could not be started. */
export function containerStartError(failure: FailedStart): NaruError {
  const detail = describe(failure);
  const stage = detail.isBeforeProcess ? "" : `${START}: `;
  const during = detail.isBeforeProcess || detail.isOutsideInit ? "" : "error during container init: ";
  return startError(`${TASK}: ${failure.runtime} create failed: ${stage}${during}${detail.text}`);
}

/** A process that could not be started in a running container. */
export function execStartError(failure: FailedStart): NaruError {
  return startError(`${EXEC}: ${START}: ${describe(failure).text}`);
}

function startError(text: string): NaruError {
  const message = text.includes("not a directory") ? `${text}: ${MOUNT_HINT}` : text;
  return new NaruError(INVALID.test(message) ? "invalid" : "internal", message);
}

interface Detail {
  text: string;
  /** The configuration was refused before there was a process. */
  isBeforeProcess?: boolean;
  /** The process was there, but not yet at work on itself. */
  isOutsideInit?: boolean;
}

type Rule = [pattern: RegExp, describe: (groups: string[], failure: FailedStart) => Detail];

const quoted = (text: string): string => JSON.stringify(text);
const lower = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
const missing = (command: string): string =>
  command.includes("/")
    ? `exec: ${quoted(command)}: stat ${command}: no such file or directory`
    : `exec: ${quoted(command)}: executable file not found in $PATH`;

/** What crun says (1.8 to 1.21 in turn), and what Docker's own runtime says in its place. */
const RULES: Rule[] = [
  [/^executable file `(.*)` not found/, ([command = ""]) => ({ text: missing(command) })],
  [/^open executable: (.*)$/, ([reason = ""], { args }) => ({ text: notExecutable(args[0] ?? "", reason) })],
  [/^cannot open `(.*)`: (.*)$/, ([command = "", reason = ""]) => ({ text: notExecutable(command, reason) })],
  [
    /^the path `(.*)` exists but it is not executable/,
    (_, { args: [command = ""] }) => ({ text: notExecutable(command, "Permission denied") }),
  ],
  [
    /^the path `(.*)` is not a regular file/,
    (_, { args: [command = ""] }) => ({ text: notExecutable(command, "Operation not permitted") }),
  ],
  [
    /^exec(?: container process)?.*`(.*)`: (.*)$/,
    ([command, reason = ""]) => ({ text: `exec ${command}: ${lower(reason)}` }),
  ],
  [/^exec: (.*)$/, ([reason = ""], { args }) => ({ text: `exec ${args[0] ?? ""}: ${lower(reason)}` })],
  [
    /^chdir (?:to )?`(.*)`: (.*)$/,
    ([path = "", reason = ""]) => ({
      text: `chdir to cwd (${quoted(path)}) set in config.json failed: ${lower(reason)}`,
    }),
  ],
  [/^mount `(.*)` to `(.*)`: (.*)$/, ([source = "", target = "", reason = ""]) => failedMount(source, target, reason)],
  [/^error stat'ing file `(.*)`: (.*)$/, ([path, reason = ""]) => ({ text: `stat ${path}: ${lower(reason)}` })],
  [
    /^(?:cannot )?mkdir `(.*)`: (.*)$/,
    ([path, reason = ""]) => ({ text: `create mountpoint for ${path} mount: ${lower(reason)}` }),
  ],
  [
    /^open `?\/proc\/sys\/(.*?)`?: (.*)$/,
    ([name = "", reason = ""]) => ({ text: `open sysctl ${name.replaceAll("/", ".")} file: ${lower(reason)}` }),
  ],
  [
    /^write to `?\/proc\/sys\/(.*?)`?: (.*)$/,
    ([name = "", reason = ""]) => ({ text: `failed to write sysctl ${name.replaceAll("/", ".")}: ${lower(reason)}` }),
  ],
  [
    /^the sysctl `(.*)` is not namespaced$/,
    ([name = ""]) => ({ text: `sysctl ${quoted(name)} is not in a separate kernel namespace`, isBeforeProcess: true }),
  ],
  [
    /^setrlimit `RLIMIT_(.*)`: (.*)$/,
    ([name = "", reason = ""]) => ({ text: `error setting rlimit ${name.toLowerCase()}: ${lower(reason)}` }),
  ],
  [/^invalid rlimit `(.*)`$/, ([name]) => ({ text: `wrong rlimit value: ${name}`, isBeforeProcess: true })],
  [
    /^write to `?\/proc\/self\/oom_score_adj`?: /,
    // Not "permission denied": clients would take the command for not executable.
    () => ({ text: "the daemon may not lower the OOM score so far (it lacks CAP_SYS_RESOURCE)", isOutsideInit: true }),
  ],
  [
    /^OOM: the memory limit could be too low/,
    () => ({ text: "container init was OOM-killed (memory limit too low?)", isOutsideInit: true }),
  ],
  [
    /^invalid seccomp action `(.*)`$/,
    ([action]) => ({ text: `string ${action} is not a valid action for seccomp`, isBeforeProcess: true }),
  ],
  // runc's own words need no translation, only Docker's frame around them.
  [
    /^runc (?:run|create) failed: unable to start container process: error during container init: (.*)$/s,
    ([text = ""]) => ({ text }),
  ],
  [
    /^runc (?:run|create) failed: unable to start container process: (.*)$/s,
    ([text = ""]) => ({ text, isOutsideInit: true }),
  ],
  [/^runc (?:run|create) failed: (.*)$/s, ([text = ""]) => ({ text, isBeforeProcess: true })],
  [/^exec failed: (?:unable to start container process: )?(.*)$/s, ([text = ""]) => ({ text })],
];

function describe(failure: FailedStart): Detail {
  const message = failure.message.trim();
  for (const [pattern, detail] of RULES) {
    const match = pattern.exec(message);
    if (match) return detail(match.slice(1), failure);
  }
  return { text: lower(message), isOutsideInit: true };
}

function notExecutable(command: string, reason: string): string {
  if (reason === "Permission denied") {
    // A name that PATH leads to is "not found" when no directory there has an executable of that name.
    return command.includes("/") ? `exec: ${quoted(command)}: permission denied` : missing(command);
  }
  if (reason === "Operation not permitted") {
    return command === "" ? missing(command) : `exec: ${quoted(command)}: is a directory: permission denied`;
  }
  return `exec: ${quoted(command)}: stat ${command}: ${lower(reason)}`;
}

function failedMount(source: string, target: string, reason: string): Detail {
  const place = target.startsWith("/") ? target : `/${target}`;
  return { text: `error mounting ${quoted(source)} to rootfs at ${quoted(place)}: ${lower(reason)}` };
}

/** The last error in a runtime's log: plain lines (crun) or JSON (runc). "" when there is none. */
export function lastLoggedError(log: string): string {
  const lines = log.split("\n").filter((line) => line.trim() !== "");
  for (const line of lines.reverse()) {
    if (!line.startsWith("{")) return line.replace(/^\d{4}-\d{2}-\d{2}T\S+Z: /, "");
    const entry = parseEntry(line);
    if (entry?.level === "error" || entry?.level === "fatal") return entry.msg ?? "";
  }
  return "";
}

function parseEntry(line: string): { level?: string; msg?: string } | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
