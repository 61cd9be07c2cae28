/** The states of a container and the moves between them: the only place that knows which are allowed. */
import { NaruError } from "../lib/errors.ts";
import { type ContainerStateReport, type ContainerStatus, type Health, ZERO_TIME } from "../model/container.ts";

/** As kept in the store. Times are RFC 3339; ZERO_TIME where nothing has happened yet. */
export interface StateRecord {
  status: ContainerStatus;
  /** 0 unless it runs. */
  pid: number;
  exitCode: number;
  /** Words of the last failed start. */
  error: string;
  startedAt: string;
  finishedAt: string;
  oomKilled: boolean;
}

export const CREATED: StateRecord = {
  status: "created",
  pid: 0,
  exitCode: 0,
  error: "",
  startedAt: ZERO_TIME,
  finishedAt: ZERO_TIME,
  oomKilled: false,
};

const MOVES = {
  // created → created and exited → exited: a start that failed leaves its reason behind.
  created: ["created", "running", "removing"],
  running: ["paused", "exited", "restarting"],
  paused: ["running", "exited", "restarting"],
  restarting: ["running", "exited", "restarting", "removing"],
  exited: ["exited", "running", "removing"],
  removing: ["dead"],
  dead: ["removing"],
} as const satisfies Record<ContainerStatus, readonly ContainerStatus[]>;

/** True when a container may go from one status to the other. */
export function canMove(from: ContainerStatus, to: ContainerStatus): boolean {
  return (MOVES[from] as readonly ContainerStatus[]).includes(to);
}

/** The state after a move. @throws {NaruError} conflict when the table does not allow it. */
export function moveState(from: StateRecord, to: ContainerStatus, change: Partial<StateRecord> = {}): StateRecord {
  if (!canMove(from.status, to)) {
    throw new NaruError("conflict", `container is ${from.status}; it cannot become ${to}`);
  }
  return { ...from, ...change, status: to };
}

/** Docker counts a paused container and one that waits for its restart as running. */
export function isRunning({ status }: StateRecord): boolean {
  return status === "running" || status === "paused" || status === "restarting";
}

/** True when a process exists. */
export function hasProcess({ status }: StateRecord): boolean {
  return status === "running" || status === "paused";
}

/** The State part of inspect. */
export function reportState(state: StateRecord, health: Health | undefined): ContainerStateReport {
  const report: ContainerStateReport = {
    Status: state.status,
    Running: isRunning(state),
    Paused: state.status === "paused",
    Restarting: state.status === "restarting",
    OOMKilled: state.oomKilled,
    Dead: state.status === "dead",
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt,
    FinishedAt: state.finishedAt,
  };
  if (health !== undefined) report.Health = health;
  return report;
}
