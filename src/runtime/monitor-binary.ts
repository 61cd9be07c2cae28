/** The C program naru-monitor: embedded in naru's executable, put on the disk to be executed. */
import { chmod, mkdir, rename, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import embeddedPath from "../../dist/native/naru-monitor" with { type: "file" };
import { errorText, NaruError } from "../lib/errors.ts";

const HASH_DIGITS = 16;

/**
 * The path of the executable monitor, under the first of `directories` where programs may be executed (/run is
 * mounted noexec on many systems). Its name tells its contents, so daemons of different versions share a directory, and a
 * monitor that runs keeps its file. Idempotent.
 * @throws {NaruError} kind "internal" when it can be executed nowhere.
 */
export async function ensureMonitorBinary(directories: readonly string[]): Promise<string> {
  const program = new Uint8Array(await Bun.file(embeddedPath).arrayBuffer());
  const hash = new Bun.CryptoHasher("sha256").update(program).digest("hex").slice(0, HASH_DIGITS);
  const failures: string[] = [];
  for (const directory of directories) {
    const path = join(directory, `naru-monitor-${hash}`);
    try {
      await ensureFile(path, program);
      await tryToExecute(path);
      return path;
    } catch (error) {
      failures.push(`${path}: ${errorText(error)}`);
    }
  }
  throw new NaruError(
    "internal",
    `cannot execute the container monitor (is the file system mounted noexec?): ${failures.join("; ")}`,
  );
}

async function ensureFile(path: string, program: Uint8Array): Promise<void> {
  const present = await stat(path).catch(() => undefined);
  if (present?.size === program.length && (present.mode & 0o777) === 0o755) return;
  await mkdir(join(path, ".."), { recursive: true, mode: 0o711 });
  const temporary = `${path}.${process.pid}`;
  try {
    await writeFile(temporary, program, { mode: 0o755 });
    await chmod(temporary, 0o755); // whatever the umask was
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}

async function tryToExecute(path: string): Promise<void> {
  const trial = Bun.spawn([path, "hello"], { stdio: ["ignore", "ignore", "ignore"] });
  const code = await trial.exited;
  if (code !== 0) throw new Error(`exited with code ${code}`);
}
