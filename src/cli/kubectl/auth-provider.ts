/** auth-provider of a kubeconfig's user: what kubectl once had built in, before there were credential programs. */

import { CliError } from "../cli-error.ts";

interface AuthProvider {
  readonly name?: string;
  readonly config?: Readonly<Record<string, string>>;
}
const REMOVED: Readonly<Record<string, string>> = {
  gcp: 'Please use the "gke-gcloud-auth-plugin" kubectl/client-go credential plugin instead.\nSee https://cloud.google.com/blog/products/containers-kubernetes/kubectl-auth-changes-in-gke for further details',
  azure:
    "Please use the https://github.com/Azure/kubelogin kubectl/client-go credential plugin instead.\nSee https://docs.microsoft.com/en-us/azure/aks/kubernetes-service-principal?tabs=azure-cli for further details",
};

/** The bearer token of the provider. @throws CliError when it has none that can be used */
export function providersToken({ name = "", config = {} }: AuthProvider, now = Date.now()): string {
  const removed = REMOVED[name];
  if (removed !== undefined) throw new CliError(`error: The ${name} auth plugin has been removed.\n${removed}`);
  if (name !== "oidc") throw new CliError(`error: no Auth Provider found for name ${JSON.stringify(name)}`);
  const token = config["id-token"] ?? "";
  const expiry = expiryOf(token);
  if (expiry === undefined) throw new CliError("Unable to connect to the server: ID Token is not a valid JWT");
  if (expiry > now) return token;
  throw new CliError(
    "error: the oidc auth provider's token has expired, and naru does not fetch another: use a credential program (exec) in the kubeconfig",
  );
}

/** Milliseconds of the epoch; undefined for what is no JSON web token. */
function expiryOf(token: string): number | undefined {
  const parts = token.split(".");
  if (parts.length !== 3) return undefined;
  try {
    const { exp } = JSON.parse(Buffer.from(parts[1]!, "base64url").toString()) as { exp?: number };
    return typeof exp === "number" ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
