import type { RegistryCatalog } from "./contract.ts";

const PAGE = 100;

/** Every repository (behind `start`), in order, however many there are. */
export async function* allRepositories(catalog: RegistryCatalog, start?: string): AsyncGenerator<string> {
  for (let after = start; ; ) {
    const page = await catalog.listRepositories({ after, limit: PAGE });
    yield* page;
    after = page.at(-1);
    if (page.length < PAGE || after === undefined) return;
  }
}
