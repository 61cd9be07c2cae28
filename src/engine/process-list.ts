/** The processes of a container as ps(1) tells them: `ps -ef` from /proc, other columns by the host's own ps. */
import { readFile } from "node:fs/promises";
import { NaruError } from "../lib/errors.ts";
import type { ContainerTop } from "../model/container.ts";
import { hostUserNames } from "./host-users.ts";

const TITLES = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];
/** Clock ticks a second in /proc/PID/stat: USER_HZ is 100 on every architecture that Bun runs on. */
const TICKS = 100;

/** `psArgs` as the user gave them; "" and "-ef" are the same. @throws {NaruError} invalid without a PID column */
export async function listProcesses(pids: readonly number[], psArgs: string): Promise<ContainerTop> {
  if (psArgs === "" || psArgs === "-ef") return listFromProc(pids);
  if (/(^|\s)(?:-o\s*|o\s*)\S*pid=/i.test(psArgs)) {
    throw new NaruError("invalid", `specifying "pid=" is not allowed: the PID column must keep its title`);
  }
  return listWithPs(pids, psArgs);
}

async function listFromProc(pids: readonly number[]): Promise<ContainerTop> {
  const [users, uptime] = await Promise.all([hostUserNames(), readFile("/proc/uptime", "utf8")]);
  const bootMs = Date.now() - Number.parseFloat(uptime) * 1000;
  const rows = await Promise.all([...pids].sort((a, b) => a - b).map((pid) => readProcess(pid, users, bootMs)));
  return { Titles: TITLES, Processes: rows.filter((row) => row !== undefined) };
}

/** One row; undefined for a process that has ended meanwhile. proc_pid_stat(5). */
async function readProcess(pid: number, users: Map<number, string>, bootMs: number): Promise<string[] | undefined> {
  try {
    const [stat, status, cmdline] = await Promise.all([
      readFile(`/proc/${pid}/stat`, "utf8"),
      readFile(`/proc/${pid}/status`, "utf8"),
      readFile(`/proc/${pid}/cmdline`, "utf8"),
    ]);
    const nameEnd = stat.lastIndexOf(")");
    const name = stat.slice(stat.indexOf("(") + 1, nameEnd);
    const fields = stat.slice(nameEnd + 2).split(" ");
    const uid = Number(/^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1] ?? 0);
    const cpuSeconds = (Number(fields[11]) + Number(fields[12])) / TICKS;
    const startMs = bootMs + (Number(fields[19]) / TICKS) * 1000;
    const livedSeconds = Math.max(1, (Date.now() - startMs) / 1000);
    const command = cmdline.replace(/\0+$/, "").replaceAll("\0", " ");
    return [
      users.get(uid) ?? String(uid),
      String(pid),
      fields[1] ?? "0",
      String(Math.min(99, Math.floor((cpuSeconds / livedSeconds) * 100))),
      startText(new Date(startMs)),
      terminalName(Number(fields[4])),
      clockText(cpuSeconds),
      command === "" ? `[${name}]` : command,
    ];
  } catch {
    return undefined;
  }
}

function startText(start: Date): string {
  const two = (number: number) => String(number).padStart(2, "0");
  const now = new Date();
  if (start.toDateString() === now.toDateString()) return `${two(start.getHours())}:${two(start.getMinutes())}`;
  if (start.getFullYear() !== now.getFullYear()) return String(start.getFullYear());
  return `${start.toLocaleString("en", { month: "short" })}${two(start.getDate())}`;
}

/** The device number of tty_nr as a name: pts/N, ttyN, ? for none. */
function terminalName(device: number): string {
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  if (device === 0) return "?";
  if (major >= 136 && major <= 143) return `pts/${(major - 136) * 256 + minor}`;
  return major === 4 ? `tty${minor}` : "?";
}

function clockText(seconds: number): string {
  const two = (number: number) => String(Math.floor(number)).padStart(2, "0");
  return `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
}

async function listWithPs(pids: readonly number[], psArgs: string): Promise<ContainerTop> {
  const command = Bun.which("ps");
  if (command === null) {
    throw new NaruError(
      "unavailable",
      "top with own ps options needs the program ps: install procps, or leave the options out",
    );
  }
  const child = Bun.spawn([command, ...psArgs.split(/\s+/).filter(Boolean)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: process.env.PATH ?? "/usr/bin:/bin", LC_ALL: "C" },
  });
  const [output, complaints, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0 && output === "") {
    throw new NaruError("internal", `ps: ${complaints.split("\n", 1)[0] || `it ended with code ${code}`}`);
  }
  return parsePs(output, new Set(pids));
}

/** The rows of ps' output whose PID is in the set. @throws {NaruError} internal without a PID column */
export function parsePs(output: string, pids: ReadonlySet<number>): ContainerTop {
  const [header = "", ...lines] = output.split("\n").filter((line) => line.trim() !== "");
  const Titles = header.trim().split(/\s+/);
  const column = Titles.indexOf("PID");
  if (column < 0) throw new NaruError("internal", "Couldn't find PID field in ps output");
  const Processes = lines
    .map((line) => splitColumns(line.trim(), Titles.length))
    .filter((row) => pids.has(Number(row[column])));
  return { Titles, Processes };
}

/** The last column may contain blanks. */
function splitColumns(line: string, count: number): string[] {
  const words = line.split(/\s+/);
  return [...words.slice(0, count - 1), words.slice(count - 1).join(" ")];
}
