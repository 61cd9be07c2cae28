/** The host's ends of closed sandboxes: gone with their namespaces, unless somebody keeps those alive. */
import { errorText } from "../lib/errors.ts";
import type { NetlinkSocket } from "../linux/netlink-socket.ts";
import { removeInterface } from "./bridge-interface.ts";

/** The kernel takes interfaces along with their namespace, usually within 100 ms. */
const PATIENCE_MS = 3000;

export class LeavingInterfaces {
  readonly #names = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly hostRoute: NetlinkSocket,
    readonly warn: (message: string) => void,
  ) {}

  /** These should vanish by themselves; those that do not are removed after a while. Empty names are ignored. */
  expect(names: readonly string[]): void {
    for (const name of names) if (name !== "") this.#names.add(name);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.removeNow(), PATIENCE_MS);
    this.#timer.unref();
  }

  /** Removes those that are still there; failures are warned about. */
  async removeNow(): Promise<void> {
    clearTimeout(this.#timer);
    const names = [...this.#names];
    this.#names.clear();
    for (const name of names) {
      try {
        await removeInterface(this.hostRoute, name);
      } catch (error) {
        this.warn(`interface ${name}: ${errorText(error)}`);
      }
    }
  }
}
