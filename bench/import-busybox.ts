/** The image that benches run: busybox alone. */
import type { Engine } from "./engines.ts";
import { timeCommand } from "./measure.ts";

/** Imports it under the bench's own name. */
export async function importBusybox(engine: Engine, name: string): Promise<void> {
  const script = `set -e; d=$(mktemp -d); trap 'rm -rf "$d"' EXIT; mkdir -p "$d/bin"; cp "$(command -v busybox)" "$d/bin/busybox"
    for a in true sleep sh seq; do ln -s busybox "$d/bin/$a"; done; tar -C "$d" -cf - . | "$@" import - ${name} >/dev/null`;
  await timeCommand(["bash", "-c", script, "bash", ...engine.client], engine.env);
}
