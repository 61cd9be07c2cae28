import { expect, test } from "bun:test";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { ApiExchange } from "../../../../src/kube/server/api-exchange.ts";
import { isStatus } from "../../../../src/kube/status.ts";

/** What a server answers that reads the body of a request and waits for so long for it. */
async function answerTo(request: string, patienceMs: number): Promise<string> {
  const unexpected: unknown[] = [];
  const server = http.createServer((incoming, response) => {
    const exchange = new ApiExchange(incoming, { response }, patienceMs);
    exchange
      .body()
      .then((body) => exchange.send(200, "text/plain", body))
      .catch(async (error: unknown) => {
        if (!isStatus(error, "Timeout", "RequestEntityTooLarge")) throw error;
        await exchange.send(error.code, "text/plain", error.reason);
      })
      .catch((error: unknown) => unexpected.push(error));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const socket = net.connect((server.address() as AddressInfo).port, "127.0.0.1");
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.write(request);
    // The server ends the connection by itself.
    await new Promise<void>((resolve, reject) => socket.once("close", resolve).once("error", reject));
    expect(unexpected).toEqual([]);
    return Buffer.concat(chunks).toString();
  } finally {
    server.close();
  }
}

const post = (length: number, body: string, more = "") =>
  `POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n${more}\r\n${body}`;

test("a body that does not come ends its request, and the connection", async () => {
  const answer = await answerTo(post(10, "{"), 20);
  expect(answer).toStartWith("HTTP/1.1 504 ");
  expect(answer).toMatch(/\r\nConnection: close\r\n/i);
  expect(answer).toEndWith("\r\n\r\nTimeout");
});

test("one that comes is read, whatever follows", async () => {
  const answer = await answerTo(post(2, "{}", "Connection: close\r\n"), 60_000);
  expect(answer).toStartWith("HTTP/1.1 200 ");
  expect(answer).toEndWith("\r\n\r\n{}");
});
