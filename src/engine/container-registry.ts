/** All containers by id and name: lookup as Docker does it, reserved names, durable records. */
import { errorText, NaruError } from "../lib/errors.ts";
import type { Collection } from "../store/contract.ts";
import { Container } from "./container.ts";
import { type ContainerRecord, migrateContainerRecord } from "./container-record.ts";

export class ContainerRegistry {
  readonly #containers = new Map<string, Container>();
  readonly #idByName = new Map<string, string>();

  /** @param warn told what could not be written although it happened */
  constructor(
    readonly records: Collection<ContainerRecord>,
    readonly warn: (message: string) => void,
  ) {
    for (const [id, stored] of records.entries()) {
      const container = new Container(migrateContainerRecord(stored));
      this.#containers.set(id, container);
      this.#idByName.set(container.name, id);
    }
  }

  /** In no particular order. */
  list(): Container[] {
    return [...this.#containers.values()];
  }

  get size(): number {
    return this.#containers.size;
  }

  /** By full id, name (with or without slash), or unique id prefix. */
  find(ref: string): Container | undefined {
    const byId = this.#containers.get(ref);
    if (byId !== undefined) return byId;
    const name = this.#idByName.get(ref.startsWith("/") ? ref.slice(1) : ref);
    if (name !== undefined) return this.#containers.get(name);
    return this.#findByPrefix(ref);
  }

  /** @throws {NaruError} not-found `No such container: x`; invalid for a prefix that fits several. */
  get(ref: string): Container {
    const container = this.find(ref);
    if (container === undefined) throw new NaruError("not-found", `No such container: ${ref}`);
    return container;
  }

  #findByPrefix(prefix: string): Container | undefined {
    if (!/^[0-9a-f]{1,63}$/.test(prefix)) return undefined;
    let found: Container | undefined;
    for (const [id, container] of this.#containers) {
      if (!id.startsWith(prefix)) continue;
      if (found !== undefined) {
        throw new NaruError("invalid", `Multiple IDs found with provided prefix: ${prefix}`);
      }
      found = container;
    }
    return found;
  }

  /** Takes a name for an id. @throws {NaruError} conflict in Docker's words when another container has it. */
  reserveName(name: string, id: string): void {
    const holder = this.#idByName.get(name);
    if (holder !== undefined && holder !== id) {
      throw new NaruError(
        "conflict",
        `Conflict. The container name "/${name}" is already in use by container "${holder}". You have to remove ` +
          "(or rename) that container to be able to reuse that name.",
      );
    }
    this.#idByName.set(name, id);
  }
  releaseName(name: string): void {
    this.#idByName.delete(name);
  }
  isNameTaken(name: string): boolean {
    return this.#idByName.has(name);
  }

  /** Adds a container; resolves when it is durable. @throws when it cannot be written; remove() undoes it */
  async add(container: Container): Promise<void> {
    this.#containers.set(container.id, container);
    await this.records.put(container.id, container.record);
  }

  /** A change that somebody wishes; resolves when it is durable. @throws when it cannot be written: nothing changes then */
  async save(container: Container, change: Partial<ContainerRecord>): Promise<void> {
    const before = container.record;
    const after = { ...before, ...change };
    container.record = after;
    if (!this.#containers.has(container.id)) return;
    try {
      await this.records.propose(container.id, after);
    } catch (error) {
      if (container.record === after) container.record = before;
      throw error;
    }
  }

  /**
   * A change that has happened (a process runs, has ended, is paused); resolves when it is durable. A disk that is too
   * full to write it is told in the log, and the store goes on trying: what happened does not become untrue. False then.
   */
  async note(container: Container, change: Partial<ContainerRecord>): Promise<boolean> {
    container.record = { ...container.record, ...change };
    if (!this.#containers.has(container.id)) return true;
    return await this.#told(container, this.records.put(container.id, container.record));
  }

  /** Forgets the container and its name; resolves when that is durable. */
  async remove(container: Container): Promise<void> {
    this.#containers.delete(container.id);
    if (this.#idByName.get(container.name) === container.id) this.#idByName.delete(container.name);
    await this.#told(container, this.records.delete(container.id));
  }

  /** False: it could not be written now. */
  async #told(container: Container, write: Promise<void>): Promise<boolean> {
    try {
      await write;
      return true;
    } catch (error) {
      this.warn(`what happened to container ${container.name} is not written down yet: ${errorText(error)}`);
      return false;
    }
  }
}
