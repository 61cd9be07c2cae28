/**
 * A real S3 server: OpenStack Swift of the distribution, its four servers on a temporary directory with one disk and one
 * copy of everything.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { S3Client } from "../../src/registry/storage/s3-client.ts";
import { run } from "./daemon.ts";
import { freePort } from "./free-port.ts";
import { PATIENCE } from "./patience.ts";

export interface TestS3Server {
  readonly endpoint: string;
  /** The environment by which naru knows its key. */
  readonly env: { AWS_ACCESS_KEY_ID: string; AWS_SECRET_ACCESS_KEY: string };
  stop(): Promise<void>;
}

const BEHIND = ["account", "container", "object"] as const;
const USER = "test:tester";
const PASSWORD = "testing";

/** Starts it with one bucket. */
export async function startS3Server(bucket: string): Promise<TestS3Server> {
  const directory = await mkdtemp(join(tmpdir(), "naru-s3-"));
  const children = new Map<string, ReturnType<typeof Bun.spawn>>();
  const launch = (name: string) => {
    const log = Bun.file(join(directory, `${name}.log`));
    const command = [`swift-${name}-server`, join(directory, `${name}-server.conf`), "-v"];
    children.set(name, Bun.spawn(command, { stdin: "ignore", stdout: log, stderr: log, cwd: directory }));
  };
  const end = async (name: string) => {
    children.get(name)?.kill("SIGKILL");
    await children.get(name)?.exited;
  };
  const ports = { account: 0, container: 0, object: 0 };
  for (const name of BEHIND) ports[name] = await freePort();
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  const server: TestS3Server = {
    endpoint,
    env: { AWS_ACCESS_KEY_ID: USER, AWS_SECRET_ACCESS_KEY: PASSWORD },
    async stop() {
      await Promise.all([...children.keys()].map(end));
      await rm(directory, { recursive: true, force: true });
    },
  };
  try {
    await configure(directory, ports, new URL(endpoint).port);
    for (const name of [...BEHIND, "proxy"]) launch(name);
    for (const port of [...Object.values(ports), new URL(endpoint).port]) await untilListening(Number(port));
    await ensureBucket(endpoint, bucket);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Which disk holds what: one ring for each NAME:PORT. In one program, since Swift takes long to load. */
const RINGS = `
import sys
from swift.common.ring import RingBuilder
for name, port in (word.split(":") for word in sys.argv[1:]):
    builder = RingBuilder(part_power=3, replicas=1, min_part_hours=0)
    where = {"ip": "127.0.0.1", "port": int(port), "replication_ip": "127.0.0.1", "replication_port": int(port)}
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "device": "disk", "weight": 1, "meta": "", **where})
    builder.rebalance()
    builder.get_ring().save(name + ".ring.gz")
`;

async function configure(
  directory: string,
  ports: Record<(typeof BEHIND)[number], number>,
  proxyPort: string,
): Promise<void> {
  await mkdir(join(directory, "node/disk"), { recursive: true });
  const common = `bind_ip = 127.0.0.1\nworkers = 0\nuser = root\nswift_dir = ${directory}\n`;
  const made = await run(["/usr/bin/python3", "-c", RINGS, ...BEHIND.map((name) => `${name}:${ports[name]}`)], {
    cwd: directory,
  });
  if (made.code !== 0) throw new Error(`the rings were not made (is swift installed?): ${made.stdout}${made.stderr}`);
  for (const name of BEHIND) {
    const port = ports[name];
    const disk = `devices = ${directory}/node\nmount_check = false\ndisable_fallocate = true\n`;
    await writeFile(
      join(directory, `${name}-server.conf`),
      `[DEFAULT]\n${common}${disk}bind_port = ${port}\n[pipeline:main]\npipeline = ${name}-server\n[app:${name}-server]\nuse = egg:swift#${name}\n`,
    );
  }
  await writeFile(
    join(directory, "proxy-server.conf"),
    `[DEFAULT]\n${common}bind_port = ${proxyPort}
[pipeline:main]\npipeline = catch_errors cache s3api tempauth slo proxy-server
[filter:catch_errors]\nuse = egg:swift#catch_errors
[filter:cache]\nuse = egg:swift#memcache\nmemcache_servers = 127.0.0.1:1
[filter:s3api]\nuse = egg:swift#s3api\nlocation = us-east-1
[filter:tempauth]\nuse = egg:swift#tempauth\nuser_${USER.replace(":", "_")} = ${PASSWORD} .admin
[filter:slo]\nuse = egg:swift#slo
[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n`,
  );
}

async function untilListening(port: number): Promise<void> {
  const deadline = Date.now() + 60_000 * PATIENCE;
  for (;;) {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } }).catch(() => undefined);
    if (socket !== undefined) {
      socket.end();
      return;
    }
    if (Date.now() > deadline) throw new Error(`nothing listens on port ${port}`);
    await Bun.sleep(20);
  }
}

async function ensureBucket(endpoint: string, bucket: string): Promise<void> {
  const credentials = { accessKeyId: USER, secretAccessKey: PASSWORD };
  const client = new S3Client({ endpoint, region: "us-east-1", bucket, pathStyle: true, credentials });
  try {
    // The bucket itself is the object without a name.
    await client.put("", new Uint8Array(0));
  } catch (error) {
    if (!/BucketAlready/.test(String(error))) throw error;
  }
}
