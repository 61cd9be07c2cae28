import { NARU_VERSION } from "../../lib/version.ts";
import { CliError } from "../cli-error.ts";
import { type ClusterAccess, KubeApi } from "./kube-api.ts";

/** The version of Kubernetes' API that this client is made for. */
export const CLIENT_VERSION = { major: "1", minor: "34", gitVersion: `v1.34.0+naru-${NARU_VERSION}` };

/** Of --match-server-version. @throws CliError when the server has another version */
export async function checkServerVersion(access: ClusterAccess): Promise<void> {
  const { gitVersion } = await new KubeApi(access).get<{ gitVersion: string }>("/version");
  // What stands behind a plus says who built it.
  const plain = (version: string) => version.split("+")[0];
  if (plain(gitVersion) !== plain(CLIENT_VERSION.gitVersion)) {
    throw new CliError(
      `error: server version (${gitVersion}) differs from client version (${CLIENT_VERSION.gitVersion})`,
    );
  }
}
