import type { CommandContext } from "../command.ts";
import { chooseCluster } from "./cluster-access.ts";
import type { KubectlContext } from "./declaration.ts";
import type { GlobalValues } from "./global-flags.ts";
import { KubeApi } from "./kube-api.ts";
import { ResourceTypes } from "./resource-types.ts";

/** What commands work with, from the flags that all have. Nothing is asked before it is needed, and then once. */
export function kubectlContext(
  context: CommandContext,
  globals: GlobalValues,
  namespaceGiven: boolean,
): KubectlContext {
  const once = <T>(make: () => Promise<T>) => {
    let made: Promise<T> | undefined;
    return () => {
      made ??= make();
      return made;
    };
  };
  const cluster = once(() => chooseCluster(context, globals));
  const api = once(async () => new KubeApi((await cluster()).access));
  return {
    ...context,
    api,
    types: once(async () => await ResourceTypes.discover(await api())),
    namespace: once(async () => globals.namespace || (await cluster()).namespace || "default"),
    namespaceGiven,
    kuberc: globals.kuberc,
    kubeconfig: { path: globals.kubeconfig, context: globals.context, cluster: globals.cluster, user: globals.user },
  };
}
