/** A cluster client whose writes fail now and then: refused before they are done, or done with the answer lost. */

import type { ClusterClient, ResourceClient } from "../../src/kube/contract.ts";
import { StatusError } from "../../src/kube/status.ts";
import type { KubeObject, ResourceType } from "../../src/model/kubernetes/object.ts";

const WRITES = new Set(["create", "update", "updateStatus", "patch", "delete"]);

/** The same faults for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @param share of writes that fail, 0 to 1; half of them have been done all the same */
export function faultyClient(client: ClusterClient, share: number, seed: number): ClusterClient {
  const random = randomNumbers(seed);
  const faulty = <T extends KubeObject>(resource: ResourceClient<T>): ResourceClient<T> =>
    new Proxy(resource, {
      get(target, property, receiver) {
        const method = Reflect.get(target, property, receiver);
        if (typeof method !== "function") return method;
        if (!WRITES.has(String(property))) return method.bind(target);
        return async (...words: unknown[]) => {
          const chance = random();
          if (chance < share / 2) throw new StatusError("Conflict", "refused by the test");
          const answer = await method.apply(target, words);
          if (chance < share) throw new StatusError("InternalError", "the answer was lost by the test");
          return answer;
        };
      },
    });
  return {
    as: (name) => faultyClient(client.as(name), share, Math.floor(random() * 2 ** 31)),
    resource: (type: ResourceType<never>) => faulty(client.resource(type)) as never,
    informer: (type) => client.informer(type),
    typeOf: (version, kind) => client.typeOf(version, kind),
    types: () => client.types(),
    onTypesChanged: (listener) => client.onTypesChanged(listener),
  };
}
