// Informers of the JavaScript client: KUBECONFIG names the cluster; arguments are a group, a plural in the namespace default, and
// VERSION=SELECTOR for each informer. Prints "VERSION add NAME" and so on, as it learns it, until it is ended.

import { CustomObjectsApi, KubeConfig, ListWatch, Watch } from "@kubernetes/client-node";

const [group, plural, ...wanted] = process.argv.slice(2);
const config = new KubeConfig();
config.loadFromDefault();
const objects = config.makeApiClient(CustomObjectsApi);

for (const one of wanted) {
  const version = one.slice(0, one.indexOf("="));
  const fieldSelector = one.slice(version.length + 1);
  const list = () =>
    objects.listNamespacedCustomObject({ group, version, namespace: "default", plural, fieldSelector });
  const path = `/apis/${group}/${version}/namespaces/default/${plural}`;
  const informer = new ListWatch(path, new Watch(config), list, false, undefined, fieldSelector);
  for (const event of ["add", "update", "delete"])
    informer.on(event, ({ metadata }) => console.log(`${version} ${event} ${metadata.name}`));
  await informer.start();
}
