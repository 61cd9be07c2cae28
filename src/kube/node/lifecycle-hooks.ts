/** postStart and preStop: a command in the container, a request to it, or a pause. */

import type { Container, LifecycleHandler } from "../../model/kubernetes/core.ts";
import type { NodeContext } from "./node-context.ts";
import { portOf } from "./pod-containers.ts";
import type { PodHost } from "./pod-host.ts";
import { requestOnce } from "./probes/http-request.ts";
import { runCommand } from "./run-command.ts";

/** @throws Error saying what went wrong; when the signal is aborted before it is over, also that */
export async function runHook(
  context: NodeContext,
  host: PodHost,
  container: Container,
  containerId: string,
  hook: LifecycleHandler,
  signal: AbortSignal,
): Promise<void> {
  const { exec, httpGet, sleep, tcpSocket } = hook;
  if (exec) {
    const { exitCode, output } = await runCommand(context.engine, containerId, exec.command ?? [], signal);
    if (exitCode !== 0)
      throw new Error(`command '${(exec.command ?? []).join(" ")}' exited with ${exitCode}: ${output}`);
    return;
  }
  if (httpGet) {
    const port = portOf(container, httpGet.port);
    if (port === undefined) throw new Error(`the container has no port named ${httpGet.port}`);
    const address = httpGet.host || host.facts.podIps[0] || "127.0.0.1";
    const { status } = await requestOnce({ ...httpGet, address, port, agent: "kube-lifecycle/1.34" }, signal);
    if (status >= 400) throw new Error(`HTTP request failed with status ${status}`);
    return;
  }
  if (sleep) return pause(sleep.seconds * 1000, signal);
  if (tcpSocket) throw new Error("hooks of type tcpSocket do nothing: use exec, httpGet or sleep");
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    if (signal.aborted) done();
    else signal.addEventListener("abort", done, { once: true });
  });
}
