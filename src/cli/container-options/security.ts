import { cut } from "../csv.ts";
import { fileErrorText } from "../file-error.ts";
import { fileSystem } from "../file-system.ts";

/** The values of `--security-opt` as the API takes them, and what `systempaths=unconfined` means. */
export interface SecurityOptions {
  securityOpt: string[] | null;
  maskedPaths: string[] | null;
  readonlyPaths: string[] | null;
}

/** Reads the values of `--security-opt`; a seccomp profile's file is replaced by its content. */
export function parseSecurityOptions(options: readonly string[]): SecurityOptions {
  if (options.length === 0) return { securityOpt: null, maskedPaths: null, readonlyPaths: null };
  const complete = options.map(completeOption);
  const opensPaths = complete.includes("systempaths=unconfined");
  return {
    securityOpt: complete.filter((option) => option !== "systempaths=unconfined"),
    maskedPaths: opensPaths ? [] : null,
    readonlyPaths: opensPaths ? [] : null,
  };
}

function completeOption(option: string): string {
  let [key, value] = cut(option, "=");
  if (key === "no-new-privileges") return option;
  if (value === undefined) [key, value] = cut(option, ":");
  if (key === "no-new-privileges") return option;
  if (!value) throw new Error(`Invalid --security-opt: ${JSON.stringify(option)}`);
  if (key !== "seccomp" || value === "builtin" || value === "unconfined") return option;
  return `seccomp=${readProfile(value)}`;
}

function readProfile(path: string): string {
  let text: string;
  try {
    text = fileSystem().readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`opening seccomp profile (${path}) failed: ${fileErrorText("open", path, error)}`);
  }
  try {
    JSON.parse(text);
  } catch {
    throw new Error(`compacting json for seccomp profile (${path}) failed: ${jsonComplaint(text)}`);
  }
  // Only the white space between tokens goes; the rest stays as it was written.
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, literal) => literal ?? "");
}

function jsonComplaint(text: string): string {
  const first = text.trimStart()[0];
  if (first === undefined) return "unexpected end of JSON input";
  if (!/["{[\d\-tfn]/.test(first)) return `invalid character '${first}' looking for beginning of value`;
  return "invalid JSON";
}

/** Capabilities as the API names them: upper case with `CAP_`, each once, sorted. */
export function normalizeCapabilities(names: readonly string[]): string[] | null {
  if (names.length === 0) return null;
  const full = names.map((name) => {
    const upper = name.trim().toUpperCase();
    return upper === "ALL" || upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  });
  return [...new Set(full)].sort();
}
