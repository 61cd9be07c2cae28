/** Settings of the cluster that are more than a text: addresses, times, the audit. */
import { Audit } from "../kube/audit/audit.ts";
import type { ClusterSettings } from "../kube/cluster-control.ts";
import { NaruError } from "../lib/errors.ts";
import { parseDuration } from "../lib/go-duration.ts";
import type { Log } from "./log.ts";

/** As kube-apiserver's --audit-log-maxsize. */
const AUDIT_LOG_MEGABYTES = 100;

/** @throws {NaruError} invalid */
export function parseListen(text: string): { host: string; port: number } {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:]*):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65535) {
    throw new NaruError("invalid", `invalid address of the cluster "${text}": write HOST:PORT, as in 0.0.0.0:6443`);
  }
  return { host: match[1] === "" ? "0.0.0.0" : match[1]!.replace(/^\[|\]$/g, ""), port };
}

/** As kubelet's crashLoopBackOff.maxContainerRestartPeriod. @throws {NaruError} invalid */
export function restartPeriod(text: string | undefined): { longestRestartWaitMs?: number } {
  if (text === undefined) return {};
  let ms = 0;
  try {
    ms = parseDuration(text) / 1e6;
  } catch {
    // What is no duration is told with those that are too short.
  }
  if (ms >= 1000 && ms <= 300_000) return { longestRestartWaitMs: ms };
  throw new NaruError("invalid", `invalid restart period of the cluster "${text}": write one of 1s to 5m`);
}

/** @throws {NaruError} invalid for a policy that cannot be read, one of the two settings without the other, or negative limits */
export async function openAudit(settings: ClusterSettings, log: Log): Promise<Audit | undefined> {
  const { auditPolicyFile, auditLogPath, auditLogMaxsize, auditLogMaxbackup } = settings;
  // Settings are as they were last: this ends an audit.
  if (auditLogPath === "none" || (auditPolicyFile === undefined && auditLogPath === undefined)) return undefined;
  if (auditPolicyFile === undefined || auditLogPath === undefined) {
    throw new NaruError("invalid", "the cluster's audit needs both: a policy file and the path of a log");
  }
  for (const number of [auditLogMaxsize, auditLogMaxbackup]) {
    if (number === undefined || number >= 0) continue;
    throw new NaruError("invalid", `${number} is no size or number of the audit's files: write 0 or more`);
  }
  return await Audit.open(
    {
      policyFile: auditPolicyFile,
      logPath: auditLogPath,
      maxSize: auditLogMaxsize ?? AUDIT_LOG_MEGABYTES,
      maxBackups: auditLogMaxbackup ?? 0,
    },
    (message) => log.error(message, { part: "audit" }),
  );
}
