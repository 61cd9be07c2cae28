/** Names and driver options of volumes: what is allowed, in Docker's words. */
import { NaruError } from "../lib/errors.ts";

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
/** An option and those that must come with it. */
const OPTIONS: Record<string, string[]> = { type: ["device"], device: ["type"], o: ["device", "type"], size: [] };

/** @throws {NaruError} invalid */
export function checkVolumeName(name: string): void {
  if (name.length === 1) {
    const reason = "volume name is too short, names should be at least two alphanumeric characters";
    throw new NaruError("invalid", `create ${name}: ${reason}`);
  }
  if (NAME.test(name)) return;
  const allowed = '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed';
  const advice = "If you intended to pass a host directory, use absolute path";
  const reason = `"${name}" includes invalid characters for a local volume name, only ${allowed}. ${advice}`;
  throw new NaruError("invalid", `create ${name}: ${reason}`);
}

/** What a volume with options mounts on its directory: the words of mount(8). */
export interface VolumeMount {
  type: string;
  device: string;
  options: string;
}

/**
 * The mount that a volume's driver options describe; undefined for a plain directory.
 * @throws {NaruError} invalid for unknown or incomplete options
 */
export function parseVolumeOptions(name: string, options: Record<string, string>): VolumeMount | undefined {
  const refuse = (reason: string): never => {
    throw new NaruError("invalid", `create ${name}: ${reason}`);
  };
  for (const key of Object.keys(options)) if (!(key in OPTIONS)) refuse(`invalid option: "${key}"`);
  for (const key of Object.keys(options)) {
    const missing = OPTIONS[key]?.find((needed) => !options[needed]);
    if (missing) refuse(`missing required option: "${missing}"`);
  }
  if (options.size) refuse("quota size requested but no quota support; leave the option size away");
  if (!options.type || !options.device) return undefined;
  return { type: options.type, device: options.device, options: options.o ?? "" };
}
