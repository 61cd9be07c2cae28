import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { parseCommandLine } from "../../../src/daemon/command-line.ts";
import { Listeners } from "../../../src/daemon/listeners.ts";
import { Log } from "../../../src/daemon/log.ts";
import { daemonOptions } from "../../../src/daemon/options.ts";
import { testServer } from "../api/api-harness.ts";
import { FakeSession, fakeEngine } from "../api/fake-engine.ts";

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "naru-listen-"));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

const quiet = new Log("fatal", "text", () => {});
const isRoot = process.getuid?.() === 0;

async function listen(flags: string[], engine = fakeEngine()) {
  const listeners = new Listeners(testServer(engine), quiet);
  await listeners.open(daemonOptions(parseCommandLine(flags).values));
  return {
    async [Symbol.asyncDispose]() {
      await listeners.stopAccepting();
      listeners.cutConnections();
    },
  };
}

describe.skipIf(!isRoot)("unix sockets", () => {
  test("mode, left-overs and removal", async () => {
    const path = join(scratch, "deep/er/a.sock");
    {
      await using _first = await listen(["-H", `unix://${path}`]);
      expect((await stat(path)).mode & 0o777).toBe(0o660);
      const answer = await fetch("http://naru/_ping", { unix: path });
      expect(await answer.text()).toBe("OK");
      await expect(listen(["-H", `unix://${path}`])).rejects.toThrow("another process listens there");
    }
    expect(await stat(path).catch(() => "gone")).toBe("gone");
  });

  test("a socket that a dead daemon left is taken over, a file is not", async () => {
    const path = join(scratch, "left.sock");
    const dead = Bun.spawn(["sh", "-c", `exec socat UNIX-LISTEN:${path} -`], { stdout: "ignore", stderr: "ignore" });
    while (!(await stat(path).catch(() => undefined))) await Bun.sleep(5);
    dead.kill("SIGKILL");
    await dead.exited;
    await using _daemon = await listen(["-H", `unix://${path}`]);
    expect((await fetch("http://naru/_ping", { unix: path })).ok).toBe(true);
    const file = join(scratch, "file");
    await writeFile(file, "precious");
    await expect(listen(["-H", `unix://${file}`])).rejects.toThrow("a file lies there");
  });
});

test("TCP without client certificates only on this machine", async () => {
  await expect(listen(["-H", "tcp://192.0.2.1:1"])).rejects.toThrow("--tlsverify");
  await expect(listen(["-H", "tcp://192.0.2.1:1", "--tls"])).rejects.toThrow("--tlsverify");
});

describe.skipIf(!Bun.which("openssl"))("TLS", () => {
  const file = (name: string) => join(scratch, name);
  const openssl = async (...args: string[]) => {
    const child = Bun.spawn(["openssl", ...args], { cwd: scratch, stdout: "ignore", stderr: "pipe" });
    if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text());
  };
  const sign = async (name: string) => {
    await openssl(
      "req",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.csr`,
      "-subj",
      `/CN=${name}`,
    );
    await writeFile(file(`${name}.ext`), "subjectAltName=DNS:localhost,IP:127.0.0.1");
    await openssl(
      ..."x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 1".split(" "),
      ...["-in", `${name}.csr`, "-out", `${name}.pem`, "-extfile", `${name}.ext`],
    );
  };
  beforeAll(async () => {
    await openssl(..."req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=ca -keyout ca.key -out ca.pem".split(" "));
    await Promise.all([sign("server"), sign("client")]);
  });
  const port = 20000 + (process.pid % 20000);
  const flags = () => [
    ...["-H", `tcp://127.0.0.1:${port}`, "--tlsverify"],
    ...["--tlscacert", file("ca.pem"), "--tlscert", file("server.pem"), "--tlskey", file("server.key")],
  ];
  const connect = async (withCertificate: boolean) => {
    const read = (name: string) => Bun.file(file(name)).text();
    const client = withCertificate ? { cert: await read("client.pem"), key: await read("client.key") } : {};
    const socket = tls.connect({
      host: "127.0.0.1",
      port,
      ca: await read("ca.pem"),
      ALPNProtocols: ["http/1.1"],
      ...client,
    });
    let received = "";
    let ended = false;
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
    });
    const end = () => {
      ended = true;
    };
    socket.on("end", end);
    socket.on("close", end);
    socket.on("error", end);
    const until = async (condition: () => boolean) => {
      for (let i = 0; i < 200 && !condition(); i++) await Bun.sleep(10);
      return condition();
    };
    return { socket, until, text: () => received, ended: () => ended };
  };

  test("clients with a certificate are let in, others are not; attach works", async () => {
    const session = new FakeSession();
    session.onInput = (text) => session.emit(`echo ${text}`);
    await using _daemon = await listen(flags(), fakeEngine({ containers: { attach: async () => session } }));
    const friend = await connect(true);
    friend.socket.write(
      "POST /containers/x/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
    );
    expect(await friend.until(() => friend.text().includes("101 UPGRADED"))).toBe(true);
    friend.socket.write("hi");
    expect(await friend.until(() => friend.text().endsWith("echo hi"))).toBe(true);
    session.end();
    expect(await friend.until(friend.ended)).toBe(true);

    const stranger = await connect(false);
    stranger.socket.write("GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n");
    expect(await stranger.until(stranger.ended)).toBe(true);
    expect(stranger.text()).toBe("");
  });

  test("missing files are named", async () => {
    expect(
      listen([...flags().slice(0, 3), "--tlscacert", "/nope", "--tlscert", "/nope", "--tlskey", "/nope"]),
    ).rejects.toThrow("invalid TLS configuration");
  });
});

test("a port that is taken is named", async () => {
  const other = net.createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as net.AddressInfo;
  await expect(listen(["-H", `tcp://127.0.0.1:${port}`])).rejects.toThrow(`cannot listen on tcp://127.0.0.1:${port}`);
  other.close();
});
