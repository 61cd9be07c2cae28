/** Calls back to the client of a build: what is asked, over which channel the bytes go, what was answered. */

import type { BuildChannels, ByteChannel } from "../../lib/build-channels.ts";
import { NaruError } from "../../lib/errors.ts";
import type { ClientCall, LoginAnswer, SecretAnswer, ToClient } from "../../model/build-exchange.ts";
import type { AgentConnection, ClientSession } from "../contract.ts";

interface OpenCall<Answer> {
  channel: ByteChannel;
  answer: Promise<Answer>;
}

export class ClientCalls {
  private next = 1;
  private readonly open = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>();
  private gone: NaruError | undefined;

  constructor(private readonly channels: BuildChannels) {}

  start<Answer>(call: ClientCall): OpenCall<Answer> {
    if (this.gone) throw this.gone;
    const id = this.next++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    // Whoever does not wait for the answer hears of the failure by the channel.
    promise.catch(() => {});
    this.open.set(id, { resolve, reject });
    const channel = this.channels.channel(id);
    this.channels.send({ type: "call", id, call } satisfies ToClient);
    return { channel, answer: promise as Promise<Answer> };
  }

  async ask<Answer>(call: ClientCall): Promise<Answer> {
    const { channel, answer } = this.start<Answer>(call);
    try {
      return await answer;
    } finally {
      channel.close();
    }
  }

  answered(id: number, value: unknown): void {
    this.open.get(id)?.resolve(value);
    this.open.delete(id);
  }

  refused(id: number, message: string): void {
    this.open.get(id)?.reject(new NaruError("invalid", message));
    this.open.delete(id);
  }

  /** The client hung up. */
  end(): void {
    this.gone = new NaruError("unavailable", "the client has gone away");
    for (const { reject } of this.open.values()) reject(this.gone);
    this.open.clear();
  }
}

/** Secrets, agents and logins of the client; only the ids that it named are asked for. */
export function clientSession(
  calls: ClientCalls,
  named: { secrets: readonly string[]; agents: readonly string[] },
): ClientSession {
  return {
    async readSecret(id) {
      if (!named.secrets.includes(id)) return undefined;
      const answer = await calls.ask<SecretAnswer>({ name: "secret", id });
      return answer === null ? undefined : Buffer.from(answer, "base64");
    },
    async openSshAgent(id) {
      if (!named.agents.includes(id)) return undefined;
      return agentConnection(calls, id);
    },
    async findCredentials(host) {
      return (await calls.ask<LoginAnswer>({ name: "login", host })) ?? undefined;
    },
  };
}

async function agentConnection(calls: ClientCalls, id: string): Promise<AgentConnection> {
  const { channel, answer } = calls.start({ name: "agent", id });
  await answer;
  return {
    read: () => channel.read(),
    write: (data) => channel.write(data),
    close: () => {
      channel.end();
      channel.close();
    },
  };
}
