/** What of a container's spec a running process depends on: when it changes, the container is made anew. Pure. */

import type { Container } from "../../model/kubernetes/core.ts";

/** Only the image may be changed in a pod's spec; resources are changed in place. */
export function containerHash({ name, image }: Container): string {
  return new Bun.CryptoHasher("sha256").update(`${name}\0${image}`).digest("hex").slice(0, 12);
}
