/** Every pod has a service account; its token, the cluster's CA and the namespace are mounted where programs look for them. */

import type { Container, Pod, ServiceAccount, Volume } from "../../model/kubernetes/core.ts";
import { PODS, SERVICE_ACCOUNTS } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient, Informer } from "../contract.ts";
import type { AdmissionStep } from "../machinery/admission.ts";
import { generatedName } from "../machinery/new-metadata.ts";
import { forbidden, isWriteOf } from "./forbidden.ts";

const MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount";
/** An hour and a little: the node agent renews the token well before (TokenRequest, KEP-1205). */
const TOKEN_SECONDS = 3607;
/** The account of a namespace that was made a moment ago is waited for. */
const WAIT_MS = 2000;

export function podServiceAccount(client: ClusterClient): AdmissionStep {
  const accounts = client.informer(SERVICE_ACCOUNTS);
  return {
    name: "ServiceAccount",
    async admit(request) {
      if (!isWriteOf(request, PODS, "CREATE")) return;
      const pod = request.object as Pod;
      const spec = pod.spec;
      if (spec === undefined) return;
      const name = spec.serviceAccountName || spec.serviceAccount || "default";
      spec.serviceAccountName = name;
      spec.serviceAccount = name;
      const account = await waitFor(accounts, request.namespace!, name);
      if (account === undefined) {
        const which = `${request.namespace}/${name}`;
        throw forbidden(request, `error looking up service account ${which}: serviceaccount "${name}" not found`);
      }
      if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(pod);
      if ((spec.imagePullSecrets ?? []).length === 0 && (account.imagePullSecrets ?? []).length > 0) {
        spec.imagePullSecrets = account.imagePullSecrets!.map((secret) => ({ ...secret }));
      }
    },
  };
}

async function waitFor(
  accounts: Informer<ServiceAccount>,
  namespace: string,
  name: string,
): Promise<Stored<ServiceAccount> | undefined> {
  await accounts.synced;
  const there = accounts.get(namespace, name);
  if (there !== undefined || name !== "default") return there;
  const { promise, resolve } = Promise.withResolvers<Stored<ServiceAccount> | undefined>();
  const timer = setTimeout(() => resolve(undefined), WAIT_MS);
  const end = accounts.subscribe({
    added(account) {
      if (account.metadata.namespace === namespace && account.metadata.name === name) resolve(account);
    },
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    end();
  }
}

function mountToken(pod: Pod): void {
  const spec = pod.spec!;
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
  const lacks = (container: Container) =>
    !(container.volumeMounts ?? []).some(({ mountPath }) => mountPath === MOUNT_PATH);
  const open = containers.filter(lacks);
  if (open.length === 0) return;
  const volume = tokenVolume(generatedName("kube-api-access-"));
  spec.volumes = [...(spec.volumes ?? []), volume];
  for (const container of open) {
    const mount = { name: volume.name, readOnly: true, mountPath: MOUNT_PATH };
    container.volumeMounts = [...(container.volumeMounts ?? []), mount];
  }
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: "token" } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        {
          downwardAPI: {
            items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
          },
        },
      ],
    },
  };
}
