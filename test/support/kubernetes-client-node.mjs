// What the JavaScript client of Kubernetes sees of a cluster: KUBECONFIG names it, argument 1 a pod that runs and listens on 8080.

import net from "node:net";
import { Readable, Writable } from "node:stream";
import { CoreV1Api, Exec, KubeConfig, makeInformer, PortForward, Watch } from "@kubernetes/client-node";

const [pod] = process.argv.slice(2);
const config = new KubeConfig();
config.loadFromDefault();
const core = config.makeApiClient(CoreV1Api);
const seen = {};

function collector() {
  const chunks = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString() };
}

async function until(holds) {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
}

const named = (name) => ({ metadata: { name, labels: { by: "client-node" } }, data: { a: "b" } });

// Watch and informer.
const watched = [];
const watch = await new Watch(config).watch(
  "/api/v1/namespaces/default/configmaps",
  { labelSelector: "by=client-node" },
  (type, object) => watched.push(`${type} ${object.metadata.name}`),
  () => {},
);
const informed = [];
const list = () => core.listNamespacedConfigMap({ namespace: "default", labelSelector: "by=client-node" });
const informer = makeInformer(config, "/api/v1/namespaces/default/configmaps", list, "by=client-node");
for (const event of ["add", "update", "delete"])
  informer.on(event, (object) => informed.push(`${event} ${object.metadata.name}`));
await informer.start();
await core.createNamespacedConfigMap({ namespace: "default", body: named("one") });
await core.replaceNamespacedConfigMap({
  namespace: "default",
  name: "one",
  body: { ...named("one"), data: { a: "c" } },
});
await core.deleteNamespacedConfigMap({ namespace: "default", name: "one" });
await until(() => watched.length >= 3 && informed.length >= 3);
seen.watched = watched;
seen.informed = informed;
await informer.stop();
watch.abort();

// exec.
const [out, err] = [collector(), collector()];
seen.exit = await new Promise((resolve, reject) => {
  new Exec(config)
    .exec(
      "default",
      pod,
      "main",
      ["sh", "-c", "cat; echo bad >&2; exit 5"],
      out.stream,
      err.stream,
      Readable.from(["fed\n"]),
      false,
      resolve,
    )
    .catch(reject);
});
seen.out = out.text();
seen.err = err.text();

// port-forward.
const forward = new PortForward(config);
const server = net.createServer((socket) => void forward.portForward("default", pod, [8080], socket, null, socket));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const answer = await fetch(`http://127.0.0.1:${server.address().port}/`, { headers: { Connection: "close" } });
seen.page = await answer.text();

process.stdout.write(`${JSON.stringify(seen)}\n`);
process.exit(0);
