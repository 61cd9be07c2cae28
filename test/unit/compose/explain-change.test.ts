import { expect, test } from "bun:test";
import { explainChange } from "../../../src/compose/plan/explain-change.ts";
import type { ContainerCreateRequest, ContainerInspect } from "../../../src/model/container.ts";
import type { ImageInspect } from "../../../src/model/image.ts";

const image = { Config: { Env: ["PATH=/bin"], Cmd: ["serve"], Labels: { maker: "me" } } } as unknown as ImageInspect;
const wished: ContainerCreateRequest = {
  Image: "web",
  Env: ["A=1", "B=2"],
  Cmd: null,
  Labels: { team: "blue", "com.docker.compose.config-hash": "new" },
  HostConfig: {
    PortBindings: { "80/tcp": [{ HostIp: "", HostPort: "8080" }] },
    Binds: ["p_data:/data:rw"],
    NetworkMode: "p_default",
    ExtraHosts: [],
  },
  NetworkingConfig: { EndpointsConfig: { p_default: {} } },
};
/** The same container, as an engine shows it: with its own ways to say "nothing". */
const shown = {
  Config: {
    ...{ Image: "web", Env: ["PATH=/bin", "A=1", "B=2"], Cmd: ["serve"], Entrypoint: null, User: "", Tty: false },
    Labels: { maker: "me", team: "blue", "com.docker.compose.config-hash": "old" },
  },
  HostConfig: { ...wished.HostConfig, Memory: 0, CapAdd: null, ExtraHosts: null, Dns: [], ShmSize: 67108864 },
  NetworkSettings: { Networks: { p_default: {} } },
} as unknown as ContainerInspect;

const change = (more: Partial<ContainerCreateRequest>) => explainChange({ ...wished, ...more }, shown, image);
const host = (more: object) => change({ HostConfig: { ...wished.HostConfig, ...more } });

test("what is the same is not named, however it is written", () => expect(change({})).toEqual([]));
test.each<[string[], string[]]>([
  [change({ Env: ["A=2", "C=3"] }), ["environment A B C"]],
  [change({ Env: ["A=1", "B=2", "PATH=/sbin"] }), ["environment PATH"]],
  [change({ Cmd: ["other"] }), ["command"]],
  [change({ Image: "other", User: "app" }), ["image", "user"]],
  [change({ Labels: {} }), ["labels team"]],
  [change({ Healthcheck: { Test: ["CMD", "true"] } }), ["healthcheck"]],
  [change({ NetworkingConfig: { EndpointsConfig: { p_default: {}, p_front: {} } } }), ["networks"]],
  [host({ PortBindings: { "80/tcp": [{ HostIp: "", HostPort: "8081" }] } }), ["ports"]],
  [host({ Memory: 1000, CapAdd: ["NET_ADMIN"] }), ["cap_add", "mem_limit"]],
  [host({ Binds: ["p_data:/data:ro"] }), ["volumes"]],
  [host({ ShmSize: 1000, NetworkMode: "host" }), ["network_mode", "shm_size"]],
])("%j is named %j", (found, expected) => expect(found).toEqual(expected));

test("anonymous volumes are taken over, not changed", () => {
  const before = structuredClone(shown);
  before.HostConfig.Binds = [...before.HostConfig.Binds!, `${"a".repeat(64)}:/anonymous:rw`];
  before.HostConfig.Mounts = [{ Type: "volume", Source: "b".repeat(64), Target: "/other" }];
  expect(explainChange(wished, before, image)).toEqual([]);
});

test("what was wished before and is not any more", () => {
  const before = structuredClone(shown);
  Object.assign(before.HostConfig, { Memory: 1000, Privileged: true });
  before.Config.Env = [...before.Config.Env!, "OLD=1"];
  expect(explainChange(wished, before, image)).toEqual(["environment OLD", "mem_limit", "privileged"]);
});
