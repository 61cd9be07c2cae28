/**
 * Keeps a second server out of a bucket's prefix, as the lock does on a disk: two would collect each other's blobs. A small
 * object names the server and is renewed; whoever finds it fresh stays away, whoever lost it writes nothing any more.
 */
import { hostname } from "node:os";
import { NaruError } from "../../lib/errors.ts";
import type { S3Client } from "./s3-client.ts";

interface LeaseRecord {
  holder: string;
  host: string;
  pid: number;
  /** Milliseconds since 1970, by the holder's clock. */
  renewedAt: number;
}

const RENEW_EVERY_MS = 20_000;
/** Some renewals may fail before the server counts as gone. */
const LASTS_MS = 90_000;

export class BucketLease {
  private readonly holder = crypto.randomUUID();
  private readonly timer: ReturnType<typeof setInterval>;
  private renewing: Promise<void> | undefined;
  private isLost = false;

  private constructor(
    private readonly client: S3Client,
    private readonly key: string,
    renewEveryMs: number,
  ) {
    this.timer = setInterval(() => this.renew(), renewEveryMs);
    this.timer.unref();
  }

  /** @throws conflict when another server has it, naming that one */
  static async take(client: S3Client, key: string, renewEveryMs = RENEW_EVERY_MS): Promise<BucketLease> {
    const present = await readRecord(client, key);
    if (present !== undefined && isAlive(present)) throw taken(present);
    const lease = new BucketLease(client, key, renewEveryMs);
    await lease.write();
    // Two may have found it free at the same moment: the last writer wins.
    const winner = await readRecord(client, key);
    if (winner?.holder === lease.holder) return lease;
    clearInterval(lease.timer);
    throw winner === undefined ? new NaruError("unavailable", `the S3 server lost ${key}: try again`) : taken(winner);
  }

  /** @throws conflict when another server has taken over */
  check(): void {
    if (!this.isLost) return;
    throw new NaruError("conflict", "another registry server has taken over this bucket: end one of them");
  }

  async release(): Promise<void> {
    clearInterval(this.timer);
    await this.renewing;
    if (!this.isLost) await this.client.delete(this.key);
  }

  private renew(): void {
    if (this.renewing !== undefined || this.isLost) return;
    this.renewing = (async () => {
      const present = await readRecord(this.client, this.key);
      if (present !== undefined && present.holder !== this.holder) this.isLost = true;
      else await this.write();
    })()
      // The server is away for a moment; the next renewal comes soon enough.
      .catch(() => {})
      .finally(() => {
        this.renewing = undefined;
      });
  }

  private async write(): Promise<void> {
    const record: LeaseRecord = { holder: this.holder, host: hostname(), pid: process.pid, renewedAt: Date.now() };
    await this.client.put(this.key, new TextEncoder().encode(JSON.stringify(record)));
  }
}

async function readRecord(client: S3Client, key: string): Promise<LeaseRecord | undefined> {
  const response = await client.get(key);
  return response && ((await response.json()) as LeaseRecord);
}

/** A server of this machine that was killed need not be waited for. */
function isAlive({ host, pid, renewedAt }: LeaseRecord): boolean {
  if (Date.now() - renewedAt > LASTS_MS) return false;
  if (host !== hostname()) return true;
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}

function taken({ host, pid }: LeaseRecord): NaruError {
  const wait = `or wait ${LASTS_MS / 1000} s if it was killed`;
  return new NaruError(
    "conflict",
    `another registry server uses this bucket (${host}, process ${pid}): end it, ${wait}`,
  );
}
