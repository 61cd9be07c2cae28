/** Builds as clients see them: steps, what happens in them, warnings. */
import type { Digest } from "./image.ts";

/** Place of a piece of a Dockerfile; lines from 1, columns from 0, the end exclusive. */
export interface SourceRange {
  start: { line: number; column: number };
  end: { line: number; column: number };
}

/** A step as clients show it (BuildKit's vertex). Times in Unix milliseconds, with fractions. */
export interface BuildStep {
  digest: Digest;
  name: string;
  inputs: Digest[];
  startedAt?: number;
  completedAt?: number;
  cached: boolean;
  error?: string;
  /** Why it was not cached: "context/app.js changed", "ARG VERSION is 2, was 1". */
  missReason?: string;
  /** Steps of one stage are shown together. */
  group?: string;
}

export interface BuildWarning {
  /** BuildKit's name of the rule. */
  rule: string;
  short: string;
  detail: string[];
  url: string;
  file: string;
  ranges: SourceRange[];
}

export type BuildEvent =
  | { type: "step"; step: BuildStep }
  /** Progress inside a step: a pull, a context transfer, an export. */
  | {
      type: "progress";
      step: Digest;
      id: string;
      name: string;
      current: number;
      total: number;
      startedAt: number;
      completedAt?: number;
    }
  /** The instructions of the Dockerfile that are built, once, at the beginning; for the classic builder's output. */
  | { type: "instructions"; list: { text: string; step?: Digest }[] }
  /** A step's process runs in a container of this id. */
  | { type: "running"; step: Digest; containerId: string }
  | { type: "log"; step: Digest; stream: "stdout" | "stderr"; data: Uint8Array; at: number }
  | { type: "warning"; step: Digest; warning: BuildWarning };

/** Of SLSA's provenance: what BuildKit wrote for years, and what it writes today. */
export type ProvenanceVersion = "v0.2" | "v1";
