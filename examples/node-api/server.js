// A small job board over HTTP: jobs are queued, taken and finished. Node's own modules only.
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { Board } from "./board.js";

const MAX_BODY = 64 * 1024;

/** @param {import("node:http").IncomingMessage} request */
async function readJson(request) {
  let text = "";
  for await (const chunk of request) {
    text += chunk;
    if (text.length > MAX_BODY) throw new RangeError("the body is too long");
  }
  return text === "" ? {} : JSON.parse(text);
}

export function makeServer(board, version) {
  const routes = {
    "GET /health": () => [200, { status: "ok", waiting: board.waiting }],
    "GET /version": () => [200, { version, node: process.version }],
    "GET /jobs": () => [200, board.list()],
    "POST /jobs": async (request) => [201, board.add((await readJson(request)).title)],
    "POST /jobs/next": () => {
      const job = board.take();
      return job ? [200, job] : [204];
    },
  };
  return createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const finish = /^POST \/jobs\/(\d+)\/done$/.exec(`${request.method} ${pathname}`);
    const route = finish ? () => [200, board.finish(Number(finish[1]))] : routes[`${request.method} ${pathname}`];
    let reply;
    try {
      reply = route ? await route(request) : [404, { error: `there is nothing at ${request.method} ${pathname}` }];
    } catch (error) {
      const isMistake = error instanceof RangeError || error instanceof SyntaxError || error instanceof TypeError;
      reply = [isMistake ? 400 : 500, { error: error.message }];
    }
    const [status, body] = reply;
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = makeServer(new Board(), process.env.VERSION ?? "unknown");
  server.listen(Number(process.env.PORT ?? 3000), () => console.log("listening on port", server.address().port));
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.once(signal, () => {
      console.log("stopping");
      server.close(() => console.log("stopped"));
      server.closeIdleConnections();
    });
  }
}
