import type { ApiClient } from "./client.ts";

export type WaitCondition = "not-running" | "next-exit" | "removed";

interface WaitAnswer {
  StatusCode: number;
  Error?: { Message: string } | null;
}

/** A wait that the daemon has taken note of. */
export interface Waiting {
  /** The exit code; 125 when the daemon could not tell it. */
  exitCode: Promise<number>;
}

/** Asks for a container's end. Resolves once the daemon listens, so that a start sent afterwards cannot be missed. */
export async function startWaiting(client: ApiClient, container: string, condition: WaitCondition): Promise<Waiting> {
  const answer = await client.send("POST", `/containers/${container}/wait`, { query: { condition } });
  const exitCode = answer.json<WaitAnswer>().then(
    ({ StatusCode, Error: failure }) => (failure?.Message ? 125 : StatusCode),
    () => 125,
  );
  return { exitCode };
}
