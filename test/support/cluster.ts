/** A daemon with a cluster, and clients of it: requests with the administrator's certificate, and kubectl. */

import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { DOCKER, startDaemon, type TestDaemon } from "./daemon.ts";
import { PATIENCE } from "./patience.ts";

const KUBECTL = join(dirname(DOCKER), "kubectl");

export interface ApiAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON the API answers
  readonly body: any;
  /** Texts of the Warning headers. */
  readonly warnings: string[];
}

export interface WatchedEvent {
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever object is watched
  readonly object: any;
}

export interface TestClusterDaemon extends AsyncDisposable {
  readonly daemon: TestDaemon;
  readonly kubeconfig: string;
  /** One request. A body that is no string is sent as JSON. */
  api(method: string, path: string, body?: unknown, contentType?: string): Promise<ApiAnswer>;
  /** Watches until `wanted` answers true for what has come so far. @throws Error when that never happens */
  watch(
    path: string,
    wanted: (events: readonly WatchedEvent[]) => boolean,
    begun?: () => Promise<unknown>,
  ): Promise<WatchedEvent[]>;
  /** The body of a request's answer. @throws Error with the whole answer when it tells a failure */
  ask(method: string, path: string, body?: unknown, contentType?: string): Promise<ApiAnswer["body"]>;
  kubectl(words: readonly string[], input?: string): Promise<{ code: number; stdout: string; stderr: string }>;
  /** What kubectl printed. @throws Error with its words when it failed */
  kubectlSays(words: readonly string[], input?: string): Promise<string>;
  /**
   * What a command in a container of that pod (by its path) says to its standard output; asked for over a WebSocket, as kubectl does,
   * without its process. How the command ends is not told.
   */
  executed(pod: string, container: string, command: readonly string[]): Promise<string>;
  /** All that comes over a WebSocket until the server closes it. @throws Error when there is none at that path */
  socketFrames(path: string, protocol: string): Promise<Buffer[]>;
}

/** Starts a daemon with a cluster on a port of its own. */
export async function startCluster(flags: readonly string[] = []): Promise<TestClusterDaemon> {
  const daemon = await startDaemon({ flags: ["--cluster", "--cluster-listen", "127.0.0.1:0", ...flags] });
  try {
    return await connect(daemon);
  } catch (error) {
    await daemon.stop();
    throw error;
  }
}

async function connect(daemon: TestDaemon): Promise<TestClusterDaemon> {
  const printed = await daemon.naru(["kubeconfig"]);
  if (printed.code !== 0) throw new Error(`naru kubeconfig failed: ${printed.stderr}`);
  const kubeconfig = join(daemon.root, "kubeconfig");
  await writeFile(kubeconfig, printed.stdout);
  const config = parse(printed.stdout);
  const decode = (text: string) => Buffer.from(text, "base64").toString();
  const { server } = config.clusters[0].cluster;
  const tls = {
    ca: decode(config.clusters[0].cluster["certificate-authority-data"]),
    cert: decode(config.users[0].user["client-certificate-data"]),
    key: decode(config.users[0].user["client-key-data"]),
  };
  const request = (
    method: string,
    path: string,
    body?: string,
    contentType = "application/json",
    signal?: AbortSignal,
  ) =>
    fetch(`${server}${path}`, {
      method,
      tls,
      signal,
      headers: body === undefined ? {} : { "Content-Type": contentType },
      body,
    });
  const socketFrames = async (path: string, protocol: string): Promise<Buffer[]> => {
    const socket = new WebSocket(`${server.replace("https:", "wss:")}${path}`, {
      protocols: [protocol],
      tls,
    } as never);
    socket.binaryType = "arraybuffer";
    const frames: Buffer[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<Buffer[]>();
    socket.onmessage = ({ data }) => void frames.push(Buffer.from(data));
    socket.onclose = () => resolve(frames);
    socket.onerror = () => reject(new Error(`no websocket at ${path}`));
    return promise;
  };
  const connected: TestClusterDaemon = {
    daemon,
    kubeconfig,
    async api(method, path, body, contentType) {
      const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
      const response = await request(method, path, text, contentType);
      const answer = await response.text();
      const warnings = [...(response.headers.get("warning") ?? "").matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)];
      return {
        status: response.status,
        body: answer.startsWith("{") ? JSON.parse(answer) : answer,
        warnings: warnings.map(([, words = ""]) => JSON.parse(`"${words}"`)),
      };
    },
    async ask(method, path, ...rest) {
      const { status, body } = await connected.api(method, path, ...rest);
      if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(body)}`);
      return body;
    },
    async watch(path, wanted, begun) {
      const stop = AbortSignal.timeout(30_000 * PATIENCE);
      const response = await request("GET", path, undefined, undefined, stop);
      const events: WatchedEvent[] = [];
      const acting = begun?.();
      let rest = "";
      for await (const chunk of response.body!.pipeThrough(
        new TextDecoderStream() as never,
      ) as unknown as AsyncIterable<string>) {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) events.push(JSON.parse(line));
        if (wanted(events)) break;
      }
      await acting;
      if (!wanted(events)) throw new Error(`the watch ended early: ${JSON.stringify(events)}`);
      return events;
    },
    async kubectl(words, input) {
      const child = Bun.spawn([KUBECTL, "--kubeconfig", kubeconfig, ...words], {
        stdin: input === undefined ? "ignore" : new TextEncoder().encode(input),
        stdout: "pipe",
        stderr: "pipe",
        timeout: 90_000 * PATIENCE,
        env: { ...process.env, HOME: daemon.root },
      });
      const [stdout, stderr, code] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
        child.exited,
      ]);
      return { code, stdout, stderr };
    },
    async kubectlSays(words, input) {
      const { code, stdout, stderr } = await connected.kubectl(words, input);
      if (code !== 0) throw new Error(`kubectl ${words.join(" ")}: exit ${code}\n${stderr}${stdout}`);
      return stdout;
    },
    async executed(pod, container, command) {
      const words = [container, ...command].map((word) => encodeURIComponent(word)).join("&command=");
      const frames = await socketFrames(`${pod}/exec?stdout=1&stderr=1&container=${words}`, "v4.channel.k8s.io");
      const said = frames.filter((frame) => frame[0] === 1).map((frame) => frame.subarray(1));
      return Buffer.concat(said).toString();
    },
    socketFrames,
    [Symbol.asyncDispose]: () => daemon.stop(),
  };
  return connected;
}
