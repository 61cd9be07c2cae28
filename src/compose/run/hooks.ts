import { NaruError } from "../../lib/errors.ts";
import type { HookModel } from "../service-model.ts";
import type { RunContext } from "./run-context.ts";

/** Runs lifecycle hooks in a container, one after the other. Throws when one ends with another code than 0. */
export async function runHooks(
  context: { engine: RunContext["engine"]; options: Pick<RunContext["options"], "onHookOutput" | "signal"> },
  container: { id: string; name: string },
  which: "post_start" | "pre_stop",
  hooks: readonly HookModel[] | undefined,
): Promise<void> {
  const { engine, options } = context;
  for (const hook of hooks ?? []) {
    const code = await engine.exec(
      container.id,
      {
        command: hook.command ?? [],
        user: hook.user,
        privileged: hook.privileged,
        workingDir: hook.working_dir,
        environment: Object.entries(hook.environment ?? {}).map(([name, value]) => `${name}=${value ?? ""}`),
      },
      (chunk) => options.onHookOutput?.(container.name, chunk),
      options.signal,
    );
    if (code !== 0)
      throw new NaruError(
        "conflict",
        `${which} hook of ${container.name} (${hook.command?.join(" ")}) exited with status ${code}`,
      );
  }
}
