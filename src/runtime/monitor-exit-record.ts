/** The result that a monitor leaves for a daemon that was not there. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../linux/sys-error.ts";
import { type ExitRecord, parseExitRecord } from "./monitor-protocol.ts";

/**
 * How the process ended whose monitor ran in `directory`; undefined while it runs, or when the monitor was killed.
 * @throws {NaruError} kind "internal" when the record is damaged.
 */
export async function findExitRecord(directory: string): Promise<ExitRecord | undefined> {
  try {
    return parseExitRecord(await readFile(join(directory, "exit"), "utf8"));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
