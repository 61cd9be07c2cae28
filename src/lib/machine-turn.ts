/** Work that the daemons of one machine must not do in the same moment, as choosing addresses that nobody else has. */
import { createServer, type Server } from "node:net";

const PAUSE_MS = 10;
/** Whoever holds a turn for longer has come to a stop, or means ill: the others go on without. */
const PATIENCE_MS = 5000;

/**
 * Does the work when no other process of this network namespace does work of the same name. The turn is a socket with an abstract
 * name (unix(7)), which the kernel gives up with the process.
 * @throws what the work throws
 */
export async function inMachineTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
  const turn = await take(`\0naru-turn-${name}`);
  try {
    return await work();
  } finally {
    turn?.close();
  }
}

async function take(address: string): Promise<Server | undefined> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
    const turn = await listen(address);
    if (turn !== undefined) return turn;
    await Bun.sleep(PAUSE_MS);
  }
  return undefined;
}

/** Undefined when somebody else has the address. */
function listen(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen(address, () => resolve(server));
  });
}
