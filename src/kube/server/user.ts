/** Who makes a request. */

export interface User {
  name: string;
  uid?: string;
  groups: readonly string[];
  extra?: Record<string, readonly string[]>;
}

export const AUTHENTICATED = "system:authenticated";

export const ANONYMOUS: User = { name: "system:anonymous", groups: ["system:unauthenticated"] };
