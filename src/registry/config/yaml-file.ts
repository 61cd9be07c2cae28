/** Reads a YAML file of settings; a fault names the file and the line. */
import { readFile } from "node:fs/promises";
import { errorText, NaruError } from "../../lib/errors.ts";
import { SettingReader } from "./setting-reader.ts";

const MAX_BYTES = 4 * 1024 * 1024;

/** @throws {NaruError} invalid naming the file (and the key or line) when it cannot be read or `read` refuses it */
export async function readYamlFile<T>(path: string, read: (settings: SettingReader) => T): Promise<T> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw inFile(path, code === "ENOENT" ? "there is no such file" : errorText(error));
  }
  if (text.length > MAX_BYTES) throw inFile(path, `it is larger than ${MAX_BYTES} bytes`);
  try {
    const settings = SettingReader.of(parseYaml(text));
    const result = read(settings);
    settings.done();
    return result;
  } catch (error) {
    throw inFile(path, errorText(error));
  }
}

function parseYaml(text: string): unknown {
  try {
    return Bun.YAML.parse(text);
  } catch (error) {
    throw new NaruError("invalid", `line ${faultyLine(text)}: ${errorText(error).replace(/^YAML Parse error: /, "")}`);
  }
}

/** The parser does not say where: it is the line from which on no beginning of the text can be read. */
function faultyLine(text: string): number {
  const lines = text.split("\n");
  let line = lines.length;
  for (; line > 1; line--) {
    try {
      Bun.YAML.parse(lines.slice(0, line - 1).join("\n"));
      break;
    } catch {
      // The fault is further up.
    }
  }
  return line;
}

function inFile(path: string, reason: string): NaruError {
  return new NaruError("invalid", `${path}: ${reason}`);
}
