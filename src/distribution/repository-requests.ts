/** Requests about one repository: over the hosts that serve it, with retries. */
import { ConnectionError } from "./connection-error.ts";
import type { HttpReply } from "./http-reply.ts";
import { errorOfReply, RegistryError } from "./registry-error.ts";
import type { Access, HostRequest, RegistryHost } from "./registry-host.ts";
import { type RetryRule, withRetries } from "./retry.ts";

export interface RepositoryParts {
  domain: string;
  path: string;
  /** What is read is asked of these in order; read anew for each request, since settings change. */
  readFrom(): readonly { host: RegistryHost; access: Access }[];
  /** The registry itself. */
  writeTo(): { host: RegistryHost; access: Access };
  requestRule: RetryRule;
  blobRule: RetryRule;
}

export class RepositoryRequests {
  constructor(private readonly parts: RepositoryParts) {}

  /** Asks the hosts in order until one answers well, and tries again. */
  read<T>(path: string | URL, request: HostRequest, take: (reply: HttpReply) => Promise<T>): Promise<T> {
    const attempt = async () => take(await this.eachReader((host, access) => host.send(path, access, request)));
    return withRetries(this.parts.requestRule, attempt, request.signal);
  }

  /** One try over all hosts, and then over the addresses that a foreign layer names. The last error counts. */
  async eachReader(
    ask: (host: RegistryHost, access: Access) => Promise<HttpReply>,
    elsewhere: readonly string[] = [],
  ): Promise<HttpReply> {
    let failure: unknown;
    for (const { host, access } of this.parts.readFrom()) {
      try {
        const reply = await ask(host, access);
        if (reply.isSuccess) return reply;
        failure = await errorOfReply(reply);
      } catch (error) {
        if (!(error instanceof RegistryError || error instanceof ConnectionError)) throw error;
        failure = error;
      }
    }
    for (const address of elsewhere) {
      const { host } = this.parts.writeTo();
      const reply = await host.send(new URL(address), undefined, { method: "GET" }).catch(() => undefined);
      if (reply?.isSuccess) return reply;
      await reply?.discard();
    }
    throw failure;
  }

  /** Asks the registry itself. `allowed`: failures that the caller understands. */
  write(path: string | URL, request: HostRequest, allowed: number[] = [], isDiscarded = true): Promise<HttpReply> {
    const attempt = async () => {
      const { host, access } = this.parts.writeTo();
      const reply = await host.send(path, access, request).catch(rethrowBare);
      if (!reply.isSuccess && !allowed.includes(reply.status)) throw await errorOfReply(reply);
      if (isDiscarded) await reply.discard();
      return reply;
    };
    return withRetries(this.parts.requestRule, attempt, request.signal);
  }
}

/** Where docker's pull names the request that it had no login for, its push does not. */
export function rethrowBare(error: unknown): never {
  if (!(error instanceof RegistryError) || !error.isWithoutReply) throw error;
  const words = error.message.replace(/^\w+ "[^"]*": /, "");
  throw new RegistryError(error.kind, words, error.code, error.status, undefined, true);
}
