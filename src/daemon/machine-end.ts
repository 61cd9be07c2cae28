/** Is the machine going down, and not the daemon alone? */
import { stat } from "node:fs/promises";

/** systemd is asked while it is busy; a daemon that cannot learn it ends as usual. */
const PATIENCE_MS = 3000;

/** Where systemd says that it runs the machine (sd_booted(3)), and the program to ask. */
interface ServiceManager {
  mark: string;
  program: string;
}

const SYSTEMD: ServiceManager = { mark: "/run/systemd/system", program: "systemctl" };

/**
 * True while systemd shuts the machine down or reboots it. Containers that nobody ends then would be in its way until it
 * kills them, 90 seconds later. False on a machine without systemd.
 */
export async function isMachineEnding({ mark, program }: ServiceManager = SYSTEMD): Promise<boolean> {
  const isBooted = await stat(mark).then(
    (status) => status.isDirectory(),
    () => false,
  );
  const path = isBooted ? Bun.which(program) : null;
  if (path === null) return false;
  try {
    const asked = Bun.spawn([path, "is-system-running"], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
      timeout: PATIENCE_MS,
      killSignal: "SIGKILL",
    });
    return (await new Response(asked.stdout).text()).trim() === "stopping";
  } catch {
    // A machine that is short of processes or memory must not keep the daemon from ending in order.
    return false;
  }
}
