/** /v2/_naru/retention: GET tells what the rules would remove now, POST removes it. */
import { NaruError } from "../../lib/errors.ts";
import type { AccessControl, RegistryCatalog, RequestOrigin } from "../contract.ts";
import { errorReply } from "../http/error-reply.ts";
import { RegistryError } from "../registry-error.ts";
import { allRepositories } from "../repositories.ts";
import type { Removal } from "./plan.ts";
import { planAll, type RetentionOutcome } from "./retention.ts";
import type { RetentionRule } from "./rules.ts";

/** What takes longer goes on while the client has its answer. */
const ANSWER_MS = 20_000;

interface RetentionParts {
  catalog: RegistryCatalog;
  rules: readonly RetentionRule[];
  access: AccessControl | undefined;
  /** Removes and logs. */
  run(): Promise<RetentionOutcome>;
}

export class RetentionAddress {
  #running: Promise<RetentionOutcome> | undefined;

  constructor(private readonly parts: RetentionParts) {}

  async answer(request: Request, origin: RequestOrigin): Promise<Response> {
    try {
      await this.#authorize(origin);
      if (this.parts.rules.length === 0) throw new NaruError("invalid", "this registry has no retention rules");
      if (request.method === "GET") return Response.json({ removals: await this.#plan() });
      if (request.method === "POST") return await this.#run();
      throw new RegistryError("UNSUPPORTED", "GET shows what would be removed, POST removes it");
    } catch (error) {
      return errorReply(error).response;
    }
  }

  /** It takes away in every repository that a rule names. */
  async #authorize(origin: RequestOrigin): Promise<void> {
    const { access, catalog, rules } = this.parts;
    const grant = await access?.authorize(origin, { action: "catalog" });
    if (grant === undefined) return;
    for await (const repository of allRepositories(catalog)) {
      if (!rules.some((rule) => rule.repositories(repository)) || grant.may(repository, "delete")) continue;
      throw new NaruError(
        "forbidden",
        `retention needs the right to delete in every repository of its rules, also in ${repository}`,
      );
    }
  }

  async #plan(): Promise<Removal[]> {
    const removals: Removal[] = [];
    for await (const planned of planAll(this.parts.catalog, this.parts.rules)) removals.push(...planned);
    return removals;
  }

  async #run(): Promise<Response> {
    this.#running ??= this.parts.run().finally(() => {
      this.#running = undefined;
    });
    const outcome = await Promise.race([this.#running, Bun.sleep(ANSWER_MS)]);
    if (outcome === undefined) return Response.json({ running: true }, { status: 202 });
    const failed = outcome.failed.map(({ removal, reason }) => ({ ...removal, reason }));
    return Response.json({ removals: outcome.removed, failed });
  }
}
