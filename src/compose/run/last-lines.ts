import type { ComposeEngine } from "../contract.ts";

/** The last lines that a container wrote, as a paragraph for a failure's text; empty when it wrote nothing, or is gone. */
export async function lastLines(
  engine: ComposeEngine,
  container: { id: string; name: string },
  count = 10,
): Promise<string> {
  try {
    const { Config } = await engine.inspectContainer(container.id);
    const parts: Uint8Array[] = [];
    // Copied: the reader uses its buffer again.
    for await (const { bytes } of engine.logs(container.id, { tty: Config.Tty ?? false, tail: String(count) }))
      parts.push(bytes.slice());
    const text = new TextDecoder().decode(Buffer.concat(parts)).trimEnd();
    if (text === "") return `\n${container.name} wrote nothing.`;
    const lines = text.split("\n").map((line) => `  ${line.trimEnd()}`);
    return `\nThe last lines of ${container.name}:\n${lines.join("\n")}`;
  } catch {
    // Said in addition to a failure, so it must not hide it.
    return "";
  }
}
