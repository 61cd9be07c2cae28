/** What the daemon does by itself for Compose projects: scheduled runs and scaling, while no client runs. */
import type { ProjectModel } from "../service-model.ts";

/** A project as it is sent to the daemon and kept there: the variables only as far as configs and secrets are made of them. */
export type KeptProject = Omit<ProjectModel, "variables"> & { variables: Record<string, string> };

/** `running` has no end yet. `missed`: nothing was started. */
export type RunOutcome = "running" | "succeeded" | "failed" | "timed out" | "replaced" | "missed";

/** One run of a scheduled service. Times are RFC 3339. */
export interface ScheduledRun {
  at: string;
  endedAt?: string;
  exitCode?: number;
  outcome: RunOutcome;
  /** Why it failed to start or was missed. */
  reason?: string;
}
export interface ScheduleStatus {
  project: string;
  service: string;
  cron: readonly string[];
  zone: string;
  /** Undefined when no time is left. */
  nextAt?: string;
  /** Newest last. */
  runs: readonly ScheduledRun[];
}

/** A change of the number of replicas. */
export interface ScalingChange {
  at: string;
  from: number;
  to: number;
  reason: string;
}
export interface AutoscaleStatus {
  project: string;
  service: string;
  min: number;
  max: number;
  /** Those that ran at the last look. */
  replicas: number;
  /** What was measured last: "cpu 35% a replica, wanted 70%". */
  load: string;
  /** Newest last. */
  changes: readonly ScalingChange[];
}
export interface AutomationStatus {
  schedules: ScheduleStatus[];
  autoscales: AutoscaleStatus[];
}

export interface ProjectAutomation {
  /**
   * Takes a project over, in place of what was known of it; `isPartial`: the other services stay known.
   * @throws {NaruError} invalid for a key that makes no sense
   */
  register(project: KeptProject, options: { isPartial: boolean }): Promise<void>;
  /**
   * Scales nothing of the project for so long, or until it is registered: somebody changes it. Resolves when what is under way has
   * ended. 0 ends it.
   */
  hold(project: string, seconds: number): Promise<void>;
  /** Nothing is scheduled or scaled any more. Idempotent. */
  forget(project: string): Promise<void>;
  /** Of one project, or of all. */
  status(project?: string): AutomationStatus;
  /**
   * Runs a scheduled service now. Resolves when it has started.
   * @throws {NaruError} not-found when it has no schedule, conflict when it runs
   */
  runNow(project: string, service: string): Promise<void>;
}

/** Counters and sizes of one container. */
export interface ContainerLoad {
  cpuNs: number;
  /** Processors that it may use; undefined without a limit. */
  cpuLimit?: number;
  /** Without what the kernel may take back. */
  memoryBytes: number;
  memoryLimitBytes?: number;
  /** Requests so far; undefined when they are not asked for or cannot be counted. */
  requests?: number;
}
/** Undefined for a container that does not run any more. */
export type ReadLoad = (container: string, options: { requests: boolean }) => Promise<ContainerLoad | undefined>;

/** What is written down; the daemon's log is one. */
export interface AutomationLog {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
}
