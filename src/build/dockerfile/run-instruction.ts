/** RUN with its flags. */
import { NaruError } from "../../lib/errors.ts";
import { findGoBool } from "../../lib/go-bool.ts";
import { goQuoted } from "../../lib/go-quote.ts";
import type { ParsedLine, RunInstruction, Unplaced } from "./ast.ts";
import { commaFields } from "./comma-fields.ts";
import { readCommand } from "./command-instructions.ts";
import { readFlags } from "./flags.ts";
import { checkRunMount } from "./run-mount.ts";
import { suggestion } from "./suggestion.ts";

const RUN_FLAGS = { mount: "texts", network: "text", security: "text", device: "texts" } as const;
const NETWORKS = ["default", "none", "host"] as const;
const SECURITIES = ["sandbox", "insecure"] as const;

export function readRun(line: ParsedLine): Unplaced<RunInstruction> {
  const flags = readFlags(line.flags, RUN_FLAGS);
  for (const mount of flags.mount ?? []) checkRunMount(mount);
  return {
    kind: "RUN",
    command: readCommand(line),
    mounts: flags.mount ?? [],
    network: oneOf(flags.network ?? "default", NETWORKS, "invalid network mode"),
    security: oneOf(flags.security ?? "sandbox", SECURITIES, "security"),
    devices: (flags.device ?? []).map(readDevice),
    flags: line.flags,
  };
}

function oneOf<Value extends string>(text: string, known: readonly Value[], what: string): Value {
  const value = known.find((candidate) => candidate === text);
  if (value !== undefined) return value;
  const complaint = what === "security" ? `security ${goQuoted(text)} is not valid` : `${what} ${goQuoted(text)}`;
  throw new NaruError("invalid", complaint + suggestion(text, known));
}

/** "vendor.com/class=name", or "name=vendor.com/class=name,required". */
function readDevice(text: string): { name: string; required: boolean } {
  const device = { name: "", required: false };
  for (const field of commaFields(text)) {
    const equals = field.indexOf("=");
    const key = equals < 0 ? field : field.slice(0, equals);
    if (key === "name") device.name = field.slice(equals + 1);
    else if (key === "required") device.required = equals < 0 || isTrue(field.slice(equals + 1));
    // The name itself has an equals sign.
    else if (device.name === "") device.name = field;
    else
      throw new NaruError("invalid", `unexpected key '${key}' in '${field}'${suggestion(key, ["name", "required"])}`);
  }
  if (device.name === "") throw new NaruError("invalid", `device ${goQuoted(text)} has no name`);
  return device;
}

function isTrue(text: string): boolean {
  const value = findGoBool(text);
  if (value === undefined) throw new NaruError("invalid", `invalid value for required: ${text}`);
  return value;
}
