/**
 * What the monitor is told about a container's log. Options are read here, at the start, as Docker does: a value that cannot
 * be read lets the start fail, in Docker's words. The driver `local` is kept in the format of json-file.
 */
import { NaruError } from "../lib/errors.ts";
import type { LogTarget } from "../runtime/contract.ts";
import type { ContainerRecord } from "./container-record.ts";
import { logAttributes } from "./log-attributes.ts";
import { bufferBytes } from "./log-config.ts";
import { parseDecimalBytes } from "./log-sizes.ts";

type Options = Readonly<Record<string, string>>;
type Rotation = Pick<LogTarget, "maxSizeBytes" | "maxFiles" | "compress">;

/** json-file logs never grow without bound: so many files of this size unless options say otherwise. */
const DEFAULT_JSON_BYTES = 100 * 1024 * 1024;
const DEFAULT_LOCAL_BYTES = 20 * 1024 * 1024;
const DEFAULT_FILES = 5;

/** Where a container's log is; empty for the driver "none". */
export function logPathFor(driver: string | undefined, directory: string, id: string): string {
  if (driver === "none") return "";
  return driver === "local" ? `${directory}/local-logs/container.log` : `${directory}/${id}-json.log`;
}

/** @throws {NaruError} internal, in Docker's words, for values that cannot be read */
export function logTarget(record: ContainerRecord, host: { imageName: string; hostname: string }): LogTarget {
  const { Type: driver, Config } = record.hostConfig.LogConfig ?? {};
  const options = Config ?? {};
  if (driver === "none") return { path: undefined, maxSizeBytes: 0, maxFiles: 1 };
  try {
    const rotation = readRotation(driver, options);
    const attributes = driver === "local" ? {} : logAttributes(record, host);
    return { path: record.logPath, ...rotation, attributes, bufferBytes: bufferBytes(options) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new NaruError(
      "internal",
      `failed to create task for container: failed to initialize logging driver: ${reason}`,
      { cause: error },
    );
  }
}

/** @throws Error that says which value cannot be read */
export function readRotation(driver: string | undefined, options: Options): Rotation {
  return driver === "local" ? localRotation(options) : jsonRotation(options);
}

function jsonRotation(options: Options): Rotation {
  const size = options["max-size"];
  const files = options["max-file"];
  // Docker would not rotate at all without a size; naru does, by its own measure.
  const maxSizeBytes = size === undefined ? DEFAULT_JSON_BYTES : readSize(size);
  if (maxSizeBytes <= 0) throw new Error("max-size must be a positive number");
  const maxFiles = files === undefined ? (size === undefined ? DEFAULT_FILES : 1) : readInteger(files);
  if (maxFiles < 1) throw new Error("max-file cannot be less than 1");
  const compress = readBoolean(options.compress, false);
  if (compress && maxFiles < 2) {
    throw new Error("compress cannot be true when max-file is less than 2 or max-size is not set");
  }
  return { maxSizeBytes, maxFiles, compress };
}

function localRotation(options: Options): Rotation {
  const maxSizeBytes = named("invalid value for max-size: ", options["max-size"], DEFAULT_LOCAL_BYTES, readSize);
  const maxFiles = named("invalid value for max-file: ", options["max-file"], DEFAULT_FILES, readInteger);
  const compress = named("error reading compress log option", options.compress, true, (text) =>
    readBoolean(text, true),
  );
  if (compress && maxFiles <= 1) throw new Error("compression cannot be enabled when max file count is 1");
  if (maxFiles < 1) throw new Error("max-file cannot be less than 1");
  return { maxSizeBytes, maxFiles, compress };
}

/** `words` stand before the reason why the value cannot be read; those that end in a space are followed by the value. */
function named<T>(words: string, text: string | undefined, absent: T, read: (text: string) => T): T {
  if (text === undefined) return absent;
  try {
    return read(text);
  } catch (error) {
    throw new Error(`${words}${words.endsWith(" ") ? text : ""}: ${(error as Error).message}`, { cause: error });
  }
}

function readSize(text: string): number {
  const bytes = parseDecimalBytes(text);
  if (bytes === undefined) throw new Error(`invalid size: '${text}'`);
  return bytes;
}

function readInteger(text: string): number {
  if (/^[+-]?\d{1,15}$/.test(text)) return Number(text);
  throw new Error(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
}

function readBoolean(text: string | undefined, absent: boolean): boolean {
  if (text === undefined) return absent;
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false;
  throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}
