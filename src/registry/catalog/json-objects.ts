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
  let batch: Promise<({ key: string; descriptor: Descriptor } & StoredObject) | undefined>[] = [];
  const read = async (entry: { key: string } & StoredObject) => {
    const descriptor = await readDescriptor(storage, entry.key);
    // Removed since it was listed.
    return descriptor === undefined ? undefined : { ...entry, descriptor };
  };
  const taken = async () => {
    const found = await Promise.all(batch);
    batch = [];
    return found.filter((entry) => entry !== undefined);
  };
  for await (const entry of storage.list(prefix, options)) {
    batch.push(read(entry));
    if (batch.length === READ_WIDTH) yield* await taken();
  }
  yield* await taken();
}
