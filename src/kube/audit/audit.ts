/** The audit of the API: what the policy wants told of each request goes into the log. */

import { readFile } from "node:fs/promises";
import { errorText, NaruError } from "../../lib/errors.ts";
import { AuditLog } from "./audit-log.ts";
import { AuditPolicy } from "./audit-policy.ts";
import { AuditRecord, type AuditSubject } from "./audit-record.ts";

interface AuditSettings {
  readonly policyFile: string;
  /** "-" for the daemon's own standard output. */
  readonly logPath: string;
  /** Megabytes; 0: the file is never put aside. */
  readonly maxSize: number;
  readonly maxBackups: number;
}

export class Audit {
  private constructor(
    private readonly policy: AuditPolicy,
    private readonly log: AuditLog,
  ) {}

  /** @throws {NaruError} invalid for a policy that cannot be read */
  static async open(settings: AuditSettings, fail: (message: string) => void): Promise<Audit> {
    const { policyFile, logPath, maxSize, maxBackups } = settings;
    const text = await readFile(policyFile, "utf8").catch((error: unknown) => {
      throw new NaruError("invalid", `cannot read the audit policy ${policyFile}: ${errorText(error)}`);
    });
    const file = { path: logPath, maxBytes: maxSize * 1024 * 1024, maxBackups };
    return new Audit(AuditPolicy.parse(text), new AuditLog(file, fail));
  }

  /** Undefined: nothing is told of this request. */
  begin(subject: AuditSubject): AuditRecord | undefined {
    const decision = this.policy.decide(subject.user, subject.request);
    if (decision.level === "None") return undefined;
    return new AuditRecord(subject, decision, (event) => this.log.write(event));
  }

  close(): Promise<void> {
    return this.log.close();
  }
}
