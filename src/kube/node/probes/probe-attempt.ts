/** One attempt of a probe. */

import { errorText } from "../../../lib/errors.ts";
import type { Container, Probe } from "../../../model/kubernetes/core.ts";
import type { NodeContext } from "../node-context.ts";
import { portOf } from "../pod-containers.ts";
import { runCommand } from "../run-command.ts";
import { checkGrpcHealth } from "./grpc-health.ts";
import { requestOnce } from "./http-request.ts";

interface ProbeTarget {
  container: Container;
  containerId: string;
  /** Where the pod is reached. */
  address: string;
}

/** Undefined when it went well, else why not. Never rejects. */
export async function attemptProbe(
  context: NodeContext,
  probe: Probe,
  target: ProbeTarget,
): Promise<string | undefined> {
  const signal = AbortSignal.timeout((probe.timeoutSeconds || 1) * 1000);
  try {
    return await attempt(context, probe, target, signal);
  } catch (error) {
    if (!signal.aborted) return errorText(error);
    return `probe timed out after ${probe.timeoutSeconds || 1}s`;
  }
}

async function attempt(
  context: NodeContext,
  probe: Probe,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { exec, httpGet, tcpSocket, grpc } = probe;
  if (exec) {
    const { exitCode, output } = await runCommand(context.engine, target.containerId, exec.command ?? [], signal);
    return exitCode === 0 ? undefined : output || `command exited with ${exitCode}`;
  }
  if (httpGet) {
    const port = namedPort(target, httpGet.port);
    const address = httpGet.host || target.address;
    const { status } = await requestOnce({ ...httpGet, address, port, agent: "kube-probe/1.34" }, signal);
    return status >= 200 && status < 400 ? undefined : `HTTP probe failed with statuscode: ${status}`;
  }
  if (tcpSocket) {
    await connectOnce(tcpSocket.host || target.address, namedPort(target, tcpSocket.port), signal);
    return undefined;
  }
  if (grpc) {
    await checkGrpcHealth(target.address, grpc.port, grpc.service ?? "", signal);
    return undefined;
  }
  return "the probe has no handler";
}

function namedPort({ container }: ProbeTarget, port: number | string): number {
  const number = portOf(container, port);
  if (number === undefined) throw new Error(`couldn't find port: ${port}`);
  return number;
}

function connectOnce(hostname: string, port: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const leave = () => reject(signal.reason);
  signal.addEventListener("abort", leave, { once: true });
  Bun.connect({
    hostname,
    port,
    socket: {
      open(socket) {
        socket.end();
        resolve();
      },
      data() {},
      error: (_, error) => reject(error),
      connectError: (_, error) => reject(error),
    },
  }).catch(reject);
  return promise.finally(() => signal.removeEventListener("abort", leave));
}
