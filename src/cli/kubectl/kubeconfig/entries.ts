/** What clusters, users and contexts of a kubeconfig say, as far as requests need it. */

import type { CredentialProgram } from "../credential-program.ts";

export interface ClusterEntry {
  server?: string;
  "certificate-authority"?: string;
  "certificate-authority-data"?: string;
  "insecure-skip-tls-verify"?: boolean;
  "tls-server-name"?: string;
  "proxy-url"?: string;
  "disable-compression"?: boolean;
}
export interface UserEntry {
  token?: string;
  tokenFile?: string;
  "client-certificate"?: string;
  "client-certificate-data"?: string;
  "client-key"?: string;
  "client-key-data"?: string;
  username?: string;
  password?: string;
  exec?: CredentialProgram;
  "auth-provider"?: { name?: string; config?: Record<string, string> };
  as?: string;
  "as-uid"?: string;
  "as-groups"?: string[];
  "as-user-extra"?: Record<string, string[]>;
}
export interface ContextEntry {
  cluster?: string;
  user?: string;
  namespace?: string;
}
