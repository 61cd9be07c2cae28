import { parseDuration } from "../../lib/go-duration.ts";
import { bool, int, list, string } from "../flag-types.ts";
import type { FlagValues } from "../flags.ts";

/** Flags that every command of kubectl takes: which cluster, as whom, in which namespace. */
export const GLOBAL_FLAGS = {
  as: string("Act as this user"),
  "as-group": list("Act as a member of this group (may be repeated)", { type: "stringArray" }),
  "as-uid": string("Act as the user with this UID"),
  "as-user-extra": list("More of the user that is acted as, as key=value (may be repeated)", { type: "stringArray" }),
  "cache-dir": string("", { hidden: true }),
  "certificate-authority": string("File of the certificate authority"),
  "client-certificate": string("File of the client certificate"),
  "client-key": string("File of the client's key"),
  cluster: string("The kubeconfig's cluster to use"),
  context: string("The kubeconfig's context to use"),
  "disable-compression": bool("", { hidden: true }),
  "insecure-skip-tls-verify": bool("Do not check the server's certificate: anybody may pose as it"),
  kubeconfig: string("The kubeconfig file"),
  kuberc: string("File of preferences (default: that of KUBERC, else ~/.kube/kuberc)"),
  "log-flush-frequency": string("", { hidden: true, initial: "5s", check: parseDuration }),
  "match-server-version": bool("Fail unless the server has the client's version"),
  namespace: string("The namespace", { short: "n" }),
  password: string("The password, for servers that take one"),
  profile: string("", { hidden: true, initial: "none" }),
  "profile-output": string("", { hidden: true, initial: "profile.pprof" }),
  "request-timeout": string("How long one request may take, such as 5s (0: as long as it takes)", { initial: "0" }),
  server: string("Address of the API server", { short: "s" }),
  "tls-server-name": string("The name that the server's certificate must have"),
  token: string("The bearer token"),
  user: string("The kubeconfig's user to use"),
  username: string("The user's name, for servers that take one"),
  v: int("How much is told of what goes on: 6 and more tell each request", { short: "v" }),
  vmodule: string("", { hidden: true }),
  "warnings-as-errors": bool("Fail when the server warns"),
};

export type GlobalValues = FlagValues<typeof GLOBAL_FLAGS>;
