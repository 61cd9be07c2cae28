/** Which certificate a client is shown: the secret that an ingress names for the host it asks for. */

import tls, { type SecureContext } from "node:tls";
import { errorText } from "../../lib/errors.ts";
import { SECRETS } from "../../model/kubernetes/names.ts";
import type { Ingress } from "../../model/kubernetes/networking.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient } from "../contract.ts";
import { oldestFirst } from "./routing-table.ts";

interface SecretPlace {
  readonly namespace: string;
  readonly name: string;
}
interface KnownContext {
  readonly version: string;
  readonly context: SecureContext;
}

export class HostCertificates {
  #places = new Map<string, SecretPlace>();
  /** By namespace/name: made again when the secret has changed. */
  readonly #contexts = new Map<string, KnownContext>();

  constructor(private readonly client: ClusterClient) {}

  /** Follows these ingresses from now on; returns what is wrong with secrets that they name. */
  follow(ingresses: readonly Stored<Ingress>[]): { ingress: Stored<Ingress>; fault: string }[] {
    const places = new Map<string, SecretPlace>();
    const faults: { ingress: Stored<Ingress>; fault: string }[] = [];
    for (const ingress of oldestFirst(ingresses)) {
      for (const { hosts, secretName } of ingress.spec?.tls ?? []) {
        if (!secretName) continue;
        const place = { namespace: ingress.metadata.namespace ?? "", name: secretName };
        const named = hosts?.length ? hosts : (ingress.spec?.rules ?? []).map(({ host }) => host ?? "");
        for (const host of named) if (!places.has(host)) places.set(host.toLowerCase(), place);
        try {
          this.#contextAt(place);
        } catch (error) {
          faults.push({ ingress, fault: `secret ${secretName} cannot be used for TLS: ${errorText(error)}` });
        }
      }
    }
    this.#places = places;
    const used = new Set([...places.values()].map(({ namespace, name }) => `${namespace}/${name}`));
    for (const key of this.#contexts.keys()) if (!used.has(key)) this.#contexts.delete(key);
    return faults;
  }

  /** Undefined: no ingress has a usable certificate for that name. */
  contextFor(host: string): SecureContext | undefined {
    const name = host.toLowerCase();
    const place = this.#places.get(name) ?? this.#places.get(name.replace(/^[^.]+/, "*")) ?? this.#places.get("");
    try {
      return place === undefined ? undefined : this.#contextAt(place);
    } catch {
      // Told by an event when the ingress was looked at.
      return undefined;
    }
  }

  /** @throws Error when the secret is missing or holds no key pair */
  #contextAt({ namespace, name }: SecretPlace): SecureContext {
    const secret = this.client.informer(SECRETS).get(namespace, name);
    if (secret === undefined) throw new Error("there is no such secret");
    const key = `${namespace}/${name}`;
    const version = `${secret.metadata.uid} ${secret.metadata.resourceVersion}`;
    const known = this.#contexts.get(key);
    if (known?.version === version) return known.context;
    const [certificate, privateKey] = ["tls.crt", "tls.key"].map((field) => secret.data?.[field]);
    if (!certificate || !privateKey) throw new Error("it has no tls.crt and tls.key");
    const context = tls.createSecureContext({
      cert: Buffer.from(certificate, "base64"),
      key: Buffer.from(privateKey, "base64"),
      minVersion: "TLSv1.2",
    });
    this.#contexts.set(key, { version, context });
    return context;
  }
}
