/** The file that tells clients where the cluster is and who they are. */
import { stringify } from "yaml";
import type { ClusterAuthority } from "./cluster-authority.ts";

const NAME = "naru";
const base64 = (text: string) => Buffer.from(text).toString("base64");

/** YAML (client-go's kubeconfig, v1) for the administrator. */
export function adminKubeconfig({ ca, admin }: ClusterAuthority, server: string): string {
  return stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: NAME, cluster: { "certificate-authority-data": base64(ca), server } }],
      contexts: [{ name: NAME, context: { cluster: NAME, user: NAME } }],
      "current-context": NAME,
      preferences: {},
      users: [
        {
          name: NAME,
          user: { "client-certificate-data": base64(admin.certificate), "client-key-data": base64(admin.key) },
        },
      ],
    },
    { lineWidth: 0 },
  );
}
