import { expect, test } from "bun:test";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { takeUpgradeBody } from "../../../src/api/upgrade-body.ts";
import { NaruError } from "../../../src/lib/errors.ts";
import { eventually } from "../../support/daemon.ts";
import { TestApi } from "./api-harness.ts";
import { FakeSession, fakeEngine } from "./fake-engine.ts";

const UPGRADE = "Connection: Upgrade\r\nUpgrade: tcp\r\n";
const attachPath = "/containers/x/attach?stream=1&stdin=1&stdout=1&stderr=1";

function attachRequest(version = "", headers = UPGRADE): string {
  return `POST ${version}${attachPath} HTTP/1.1\r\nHost: d\r\n${headers}\r\n`;
}

test("attach: frames out, raw input in, half-close ends input only", async () => {
  const session = new FakeSession();
  await using api = await TestApi.start(fakeEngine({ containers: { attach: async () => session } }));
  session.onInput = (text) => session.emit(`echo ${text}`);
  session.onInputClosed = () => {
    session.emit("bye", "stderr");
    session.end();
  };
  const client = api.connect().send(attachRequest());
  await client.untilReceived("\r\n\r\n");
  expect(client.received).toStartWith(
    "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n",
  );
  client.send("hello");
  await client.untilReceived("\x01\x00\x00\x00\x00\x00\x00\x0aecho hello");
  expect(session.inputClosed).toBe(false);
  client.halfClose();
  await client.untilReceived("\x02\x00\x00\x00\x00\x00\x00\x03bye");
  await client.untilEnded();
  expect(session.input).toBe("hello");
  expect(session.closed).toBe(true);
});

test.each(["", "Content-Length: 0\r\n"])(
  "attach without an upgrade, %j: raw input behind the request",
  async (headers) => {
    const session = new FakeSession();
    await using api = await TestApi.start(fakeEngine({ containers: { attach: async () => session } }));
    session.onInput = (text) => session.emit(text);
    session.onInputClosed = () => session.end();
    const client = api.connect().send(attachRequest("", headers));
    await client.untilReceived("\r\n\r\n");
    expect(client.received).toBe("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n");
    // What looks like a request is input, too.
    client.send("GET / HTTP/1.1\r\n\r\n");
    await client.untilReceived("\x01\x00\x00\x00\x00\x00\x00\x12GET / HTTP/1.1\r\n\r\n");
    client.halfClose();
    await client.untilEnded();
    expect(session.input).toBe("GET / HTTP/1.1\r\n\r\n");
    expect(session.closed).toBe(true);
  },
);

test("attach without an upgrade: a client that disappears closes the session", async () => {
  const session = new FakeSession();
  await using api = await TestApi.start(fakeEngine({ containers: { attach: async () => session } }));
  const client = api.connect().send(attachRequest("", ""));
  await client.untilReceived("200 OK");
  client.socket.destroy();
  await client.until(() => session.inputClosed);
  session.emit("into the void");
  session.emit("and again");
  await client.until(() => session.closed);
});

test("attach: a terminal is raw; before 1.42 both carry the raw type", async () => {
  for (const [version, tty, type] of [
    ["/v1.51", true, "raw-stream"],
    ["/v1.41", false, "raw-stream"],
    ["/v1.42", false, "multiplexed-stream"],
  ] as const) {
    const session = new FakeSession(tty);
    await using api = await TestApi.start(fakeEngine({ containers: { attach: async () => session } }));
    const client = api.connect().send(attachRequest(version));
    session.emit("out");
    await client.untilReceived("out");
    expect(client.received).toContain(`Content-Type: application/vnd.docker.${type}\r\n`);
    expect(client.received.endsWith(tty ? "\r\n\r\nout" : "\x03out")).toBe(true);
    session.end();
    await client.untilEnded();
  }
});

test("attach: input sent together with the request is not lost", async () => {
  const session = new FakeSession();
  await using api = await TestApi.start(fakeEngine({ containers: { attach: async () => session } }));
  const client = api.connect().send(`${attachRequest()}early`);
  await client.until(() => session.input === "early");
  session.end();
  await client.untilEnded();
});

test("attach: a client that disappears closes the session", async () => {
  const session = new FakeSession();
  await using api = await TestApi.start(fakeEngine({ containers: { attach: async () => session } }));
  const client = api.connect().send(attachRequest());
  await client.untilReceived("101 UPGRADED");
  client.socket.destroy();
  await client.until(() => session.inputClosed || session.closed);
  session.emit("into the void");
  session.emit("and again");
  await client.until(() => {
    session.emit("more");
    return session.closed;
  });
  expect(await api.request("GET", "/_ping")).toMatchObject({ status: 200 });
});

test("attach without upgrade: output as the body, input as the request's body", async () => {
  const session = new FakeSession();
  await using api = await TestApi.start(fakeEngine({ containers: { attach: async () => session } }));
  const client = api.connect().send(attachRequest("", "Transfer-Encoding: chunked\r\n"));
  await client.untilReceived("HTTP/1.1 200 OK\r\n");
  client.send("5\r\nhello\r\n0\r\n\r\n");
  await client.until(() => session.inputClosed);
  expect(session.input).toBe("hello");
  session.emit("answer");
  await client.untilReceived("answer");
  session.end();
  await client.untilReceived("0\r\n\r\n");
  client.socket.destroy();
});

test("attach: a failure is plain text, with an upgrade on the hijacked connection", async () => {
  const engine = fakeEngine({
    containers: {
      attach: async () => {
        throw new NaruError("not-found", "No such container: x");
      },
    },
  });
  await using api = await TestApi.start(engine);
  const client = api.connect().send(attachRequest());
  await client.untilEnded();
  expect(client.received).toBe(
    "HTTP/1.1 404 Not Found\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nNo such container: x\r\n",
  );
  expect(await api.request("POST", "/containers/x/attach")).toMatchObject({
    status: 404,
    headers: { "content-type": "application/vnd.docker.raw-stream" },
    body: "No such container: x\r\n",
  });
});

test("an upgrade that a route has no use for gets an ordinary answer", async () => {
  await using api = await TestApi.start(fakeEngine());
  const client = api
    .connect()
    .send(
      "GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n",
    );
  await client.untilEnded();
  expect(client.received).toStartWith("HTTP/1.1 200 OK\r\n");
  expect(client.received).toEndWith("OK");
});

const EXEC = { OpenStdin: true, ContainerID: "c", ProcessConfig: { tty: false } };
const running = { inspect: async () => ({ State: { Running: true, Paused: false } }) as never };

test("exec start: the body comes first, then the stream", async () => {
  const session = new FakeSession();
  const engine = fakeEngine({
    execs: { inspect: () => EXEC as never, start: async () => session },
    containers: running,
  });
  await using api = await TestApi.start(engine);
  session.onInput = (text) => session.emit(text.toUpperCase());
  const body = '{"Detach":false,"Tty":false}';
  const client = api
    .connect()
    .send(
      `POST /exec/e/start HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n${UPGRADE}` +
        `Content-Length: ${body.length}\r\n\r\n${body}input`,
    );
  await client.untilReceived("INPUT");
  expect(engine.calls.find((call) => call.name === "execs.start")?.args).toEqual([
    "e",
    { detach: false, tty: false, consoleSize: undefined },
  ]);
  session.end();
  await client.untilEnded();
});

test("exec start: a command that cannot start is told in the stream, detached as an error", async () => {
  const engine = fakeEngine({
    containers: running,
    execs: {
      inspect: () => EXEC as never,
      start: async () => {
        throw new NaruError("invalid", 'OCI runtime exec failed: exec: "x": executable file not found in $PATH');
      },
    },
  });
  await using api = await TestApi.start(engine);
  const attached = await api.json("POST", "/exec/e/start", {});
  expect(attached.status).toBe(200);
  expect(attached.body.slice(8)).toBe('OCI runtime exec failed: exec: "x": executable file not found in $PATH\r\n');
  expect(await api.json("POST", "/exec/e/start", { Detach: true })).toMatchObject({ status: 400 });
});

test("exec start: headers are there before the command starts; a stopped container is an ordinary answer", async () => {
  const started = Promise.withResolvers<FakeSession>();
  let isRunning = true;
  const engine = fakeEngine({
    execs: { inspect: () => EXEC as never, start: () => started.promise },
    containers: { inspect: async () => ({ State: { Running: isRunning, Paused: false } }) as never },
  });
  await using api = await TestApi.start(engine);
  const client = api.connect().send(`POST /exec/e/start HTTP/1.1\r\nHost: d\r\n${UPGRADE}\r\n`);
  await client.untilReceived("101 UPGRADED");
  const session = new FakeSession();
  session.emit("late");
  session.end();
  started.resolve(session);
  await client.untilReceived("late");
  isRunning = false;
  expect(await api.json("POST", "/exec/e/start", {})).toMatchObject({
    status: 409,
    body: '{"message":"container c is not running"}\n',
  });
});

test("logs: a slow reader slows the source; nothing is lost", async () => {
  let produced = 0;
  const line = Buffer.from(`${"x".repeat(1023)}\n`);
  const total = 40_000;
  const engine = fakeEngine({
    containers: {
      logs: async () => ({
        tty: true,
        chunks: (async function* () {
          for (; produced < total; produced++) yield { stream: "stdout" as const, data: line };
        })(),
      }),
    },
  });
  await using api = await TestApi.start(engine);
  const client = api.connect().send("GET /containers/x/logs?stdout=1 HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n");
  client.socket.pause();
  await Bun.sleep(300);
  expect(produced).toBeLessThan(total / 4);
  client.socket.resume();
  await client.untilEnded();
  expect(client.received.split("x".repeat(1023)).length - 1).toBe(total);
});

test("websocket attach: messages both ways", async () => {
  const session = new FakeSession();
  await using api = await TestApi.start(fakeEngine({ containers: { attach: async () => session } }));
  session.onInput = (text) => session.emit(`echo ${text}`);
  const url = `ws+unix://${api.socketPath}:/containers/x/attach/ws?stream=1&stdin=1&stdout=1`;
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const messages: string[] = [];
  socket.onmessage = (event) => messages.push(Buffer.from(event.data as ArrayBuffer).toString());
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error("refused"));
  });
  socket.send("hello");
  await eventually(() => messages.join("").includes("echo hello"));
  expect(messages.join("")).toBe("echo hello");
  const closed = new Promise((resolve) => {
    socket.onclose = resolve;
  });
  session.end();
  await closed;
  expect(await api.request("GET", "/containers/x/attach/ws")).toMatchObject({ status: 400 });
});

test("websocket attach: a client that closes is let go though the container says nothing", async () => {
  const session = new FakeSession();
  await using api = await TestApi.start(fakeEngine({ containers: { attach: async () => session } }));
  const socket = new WebSocket(`ws+unix://${api.socketPath}:/containers/x/attach/ws?stream=1&stdin=1&stdout=1`);
  await new Promise((resolve) => {
    socket.onopen = resolve;
  });
  socket.close();
  await eventually(() => session.closed);
  expect(session.inputClosed).toBe(true);
});

test("attach: a session whose connection cannot be taken is closed", async () => {
  const session = new FakeSession();
  await using api = await TestApi.start(fakeEngine({ containers: { attach: async () => session } }));
  const client = api.connect().send(`${attachRequest("", `${UPGRADE}Transfer-Encoding: chunked\r\n`)}no chunk\r\n`);
  await client.untilEnded();
  expect(client.received).toStartWith("HTTP/1.1 400 Bad Request\r\n");
  expect(session.closed).toBe(true);
});

test.each(["destroy", "end"] as const)(
  "the body of a request whose client has gone (%s) is at its end",
  async (how) => {
    const connection = new PassThrough();
    connection.resume()[how]();
    await once(connection, "close");
    const reading = Array.fromAsync(takeUpgradeBody(connection, { "content-length": "2" }));
    await expect(reading).rejects.toThrow("unexpected EOF");
  },
);

test("attach: a slow client that ended its input gets all output", async () => {
  const session = new FakeSession(true);
  await using api = await TestApi.start(fakeEngine({ containers: { attach: async () => session } }));
  const client = api.connect().send(attachRequest());
  await client.untilReceived("101 UPGRADED");
  client.halfClose();
  await client.until(() => session.inputClosed);
  client.socket.pause();
  const piece = "y".repeat(50_000);
  for (let i = 0; i < 40; i++) session.emit(piece);
  session.end();
  await Bun.sleep(200);
  client.socket.resume();
  await client.untilEnded();
  expect(client.received.split("\r\n\r\n")[1]?.length).toBe(40 * piece.length);
});
