/** Descriptors kept as small JSON objects, several at a time. */
import type { Descriptor } from "../../model/image.ts";
import type { RegistryStorage, StoredObject } from "../contract.ts";

/** Objects that are read at the same time. */
const READ_WIDTH = 16;

export async function readDescriptor(storage: RegistryStorage, key: string): Promise<Descriptor | undefined> {
  const bytes = await storage.readSmall(key);
  return bytes === undefined ? undefined : (JSON.parse(new TextDecoder().decode(bytes)) as Descriptor);
}

export async function writeDescriptor(storage: RegistryStorage, key: string, descriptor: Descriptor): Promise<void> {
  await storage.write(key, new TextEncoder().encode(JSON.stringify(descriptor)));
}

/** The descriptors under a prefix in the order of their keys. */
export async function* listDescriptors(
  storage: RegistryStorage,
  prefix: string,
  options: { after?: string; limit?: number } = {},
): AsyncGenerator<{ key: string; descriptor: Descriptor } & StoredObject> {
  const read = async (entry: { key: string } & StoredObject) => {
    const descriptor = await readDescriptor(storage, entry.key);
    // Removed since it was listed.
    return descriptor === undefined ? undefined : { ...entry, descriptor };
  };
  for await (const entry of readAhead(storage.list(prefix, options), read)) if (entry !== undefined) yield entry;
}

/** The results of `read` in the order of the entries, some of them under way at the same time. */
export async function* readAhead<Entry, Result>(
  entries: AsyncIterable<Entry>,
  read: (entry: Entry) => Promise<Result>,
): AsyncGenerator<Result> {
  let batch: Promise<Result>[] = [];
  for await (const entry of entries) {
    batch.push(read(entry));
    if (batch.length < READ_WIDTH) continue;
    yield* await Promise.all(batch);
    batch = [];
  }
  yield* await Promise.all(batch);
}
