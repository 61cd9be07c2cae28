import { describe, expect, test } from "bun:test";
import { systemPruneQuestion } from "../../../src/cli/commands/system-prune.ts";
import { eventJson, eventLine } from "../../../src/cli/event-line.ts";
import { indentJson } from "../../../src/cli/indent-json.ts";
import { type SystemInfo, serverInfoText } from "../../../src/cli/info-report.ts";
import { type ProgressMessage, showProgress } from "../../../src/cli/progress.ts";
import { cpuPercent, memoryWithoutCache, missingSample, statsRow } from "../../../src/cli/rows/stats-row.ts";
import { buildTimeText, completeServerVersion, versionText } from "../../../src/cli/version-report.ts";
import { progressBar } from "../../../src/lib/progress-bar.ts";

describe("stats", () => {
  const cpu = (total_usage: number, system_cpu_usage: number, online_cpus?: number) => ({
    cpu_usage: { total_usage, usage_in_kernelmode: 0, usage_in_usermode: 0, percpu_usage: [1, 1, 1, 1] },
    system_cpu_usage,
    online_cpus,
    throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
  });
  test.each<[string, ReturnType<typeof cpu>, ReturnType<typeof cpu>, number]>([
    ["half of two", cpu(0, 0, 2), cpu(50, 200, 2), 50],
    ["both of two", cpu(100, 1000, 2), cpu(300, 1200, 2), 200],
    ["the number of CPUs from their list", cpu(0, 0), cpu(100, 400), 100],
    ["idle", cpu(100, 100, 2), cpu(100, 300, 2), 0],
    ["no time has passed", cpu(100, 100, 2), cpu(200, 100, 2), 0],
  ])("%s", (_, before, now, percent) => {
    expect(cpuPercent(before, now)).toBeCloseTo(percent);
  });
  test.each<[string, Parameters<typeof memoryWithoutCache>[0], number]>([
    ["cgroup v1", { usage: 100, stats: { total_inactive_file: 30, inactive_file: 10 } }, 70],
    ["cgroup v2", { usage: 100, stats: { inactive_file: 10 } }, 90],
    ["more cache than usage", { usage: 100, stats: { inactive_file: 200 } }, 100],
    ["nothing known", {}, 0],
  ])("memory: %s", (_, memory, bytes) => {
    expect(memoryWithoutCache(memory)).toBe(bytes);
  });
  test("dashes before the first figures", () => {
    expect(statsRow(missingSample("web"), true)).toEqual({
      Container: "web",
      ID: "--",
      Name: "--",
      CPUPerc: "--",
      MemUsage: "-- / --",
      MemPerc: "--",
      NetIO: "-- / --",
      BlockIO: "-- / --",
      PIDs: "--",
    });
  });
});

describe("progress", () => {
  test.each<[string, Parameters<typeof progressBar>[0], number, string]>([
    ["nothing known", {}, 200, ""],
    ["only the amount", { current: 5000 }, 200, "     5kB"],
    ["half", { current: 50, total: 100 }, 200, `[${"=".repeat(25)}>${" ".repeat(25)}]      50B/100B`],
    ["done", { current: 100, total: 100 }, 200, `[${"=".repeat(50)}>]     100B/100B`],
    ["more than was told", { current: 150, total: 100 }, 200, `[${"=".repeat(50)}>]     150B`],
    ["a narrow terminal", { current: 50, total: 100 }, 80, "     50B/100B"],
    ["other units", { current: 3, total: 8, units: "parts" }, 80, "3/8 parts"],
  ])("%s", (_, detail, columns, text) => {
    expect(progressBar(detail, columns)).toBe(text);
  });

  async function shown(messages: ProgressMessage[], isTerminal: boolean): Promise<string> {
    let out = "";
    const stream = (async function* () {
      yield* messages;
    })();
    await showProgress(stream, { write: (text) => (out += text), isTerminal, columns: 80 });
    return out;
  }
  const pull: ProgressMessage[] = [
    { status: "Pulling from library/x", id: "latest" },
    { status: "Pulling fs layer", progressDetail: {}, id: "aa" },
    { status: "Pulling fs layer", progressDetail: {}, id: "bb" },
    { status: "Downloading", progressDetail: { current: 5, total: 10 }, id: "aa" },
    { status: "Pull complete", progressDetail: {}, id: "aa" },
    { status: "Status: Downloaded newer image for x:latest" },
  ];
  test("plain lines leave the bars out", async () => {
    expect(await shown(pull, false)).toBe(
      "latest: Pulling from library/x\naa: Pulling fs layer\nbb: Pulling fs layer\naa: Pull complete\n" +
        "Status: Downloaded newer image for x:latest\n",
    );
  });
  test("a terminal keeps a line for each id", async () => {
    expect(await shown(pull.slice(1, 4), true)).toBe(
      "\n\x1b[1A\x1b[2K\raa: Pulling fs layer \r\x1b[1B" +
        "\n\x1b[1A\x1b[2K\rbb: Pulling fs layer \r\x1b[1B" +
        "\x1b[2A\x1b[2K\raa: Downloading       5B/10B\r\x1b[2B",
    );
  });
  test("an error of the stream is the command's", async () => {
    await expect(shown([{ error: "short", errorDetail: { message: "the long story" } }], false)).rejects.toThrow(
      "the long story",
    );
  });
});

test("an event's line", () => {
  const event = {
    Type: "container",
    Action: "start",
    Actor: { ID: "abc", Attributes: { name: "web", image: "x" } },
    scope: "local",
    time: 1795249087,
    timeNano: 1795249087712556707n,
  };
  expect(eventLine(event)).toMatch(/^2026-11-21T\S+:18:07\.712556707\S+ container start abc \(image=x, name=web\)$/);
});

describe("JSON over lines", () => {
  test.each([
    ["{}", "{}"],
    ["[]", "[]"],
    ['{"a":{},"b":[ ]}', '{\n    "a": {},\n    "b": []\n}'],
    [
      '[{"n":1e+06,"big":12345678901234567890,"s":"a,:{}\\"\\u003c"}]',
      '[\n    {\n        "n": 1e+06,\n        "big": 12345678901234567890,\n        "s": "a,:{}\\"\\u003c"\n    }\n]',
    ],
    ['{"2":true,"1":null}', '{\n    "2": true,\n    "1": null\n}'],
  ])("%s", (json, text) => {
    expect(indentJson(json)).toBe(text);
  });
});

test("the question before a system prune", () => {
  expect(systemPruneQuestion(true, true, { label: ["b", "a=c"] })).toBe(
    [
      "WARNING! This will remove:",
      "  - all stopped containers",
      "  - all networks not used by at least one container",
      "  - all anonymous volumes not used by at least one container",
      "  - all images without at least one container associated to them",
      "  - all build cache",
      "",
      "  Items to be pruned will be filtered with:",
      "  - label=a=c",
      "  - label=b",
      "",
      "Are you sure you want to continue?",
    ].join("\n"),
  );
});

test("version: both halves, build times for people", () => {
  expect(buildTimeText("2026-09-05T11:02:57.000000000+00:00")).toBe("Sat Sep  5 11:02:57 2026");
  const client = {
    Version: "1.0",
    ApiVersion: "1.44",
    DefaultAPIVersion: "1.51",
    GitCommit: "abc",
    GoVersion: "go1",
    Os: "linux",
    Arch: "amd64",
    BuildTime: "today",
    Context: "default",
  };
  const server = completeServerVersion({
    Version: "2.0",
    ApiVersion: "1.44",
    MinAPIVersion: "1.24",
    Os: "linux",
    Arch: "amd64",
  });
  expect(versionText(client, server).split("\n")).toEqual([
    "Client:",
    " Version:           1.0",
    " API version:       1.44 (downgraded from 1.51)",
    " Go version:        go1",
    " Git commit:        abc",
    " Built:             today",
    " OS/Arch:           linux/amd64",
    " Context:           default",
    "",
    "Server:",
    " Engine:",
    "  Version:          2.0",
    "  API version:      1.44 (minimum version 1.24)",
    "  Go version:       ",
    "  Git commit:       ",
    "  Built:            ",
    "  OS/Arch:          linux/amd64",
    "  Experimental:     false",
    "",
  ]);
});

test("info: the layout that scripts read", () => {
  const info: SystemInfo = {
    ID: "id",
    Containers: 3,
    ContainersRunning: 1,
    ContainersPaused: 0,
    ContainersStopped: 2,
    Images: 4,
    Driver: "overlay2",
    DriverStatus: [["Backing Filesystem", "extfs"]],
    Plugins: { Volume: ["local"], Network: ["bridge", "host"], Authorization: null, Log: ["json-file"] },
    LoggingDriver: "json-file",
    CgroupDriver: "cgroupfs",
    CgroupVersion: "1",
    Swarm: { LocalNodeState: "inactive" },
    Runtimes: { runc: {}, crun: {} },
    DefaultRuntime: "crun",
    InitBinary: "naru-init",
    SecurityOptions: ["name=seccomp,profile=builtin", "name=rootless"],
    KernelVersion: "6.1",
    OperatingSystem: "Debian",
    OSType: "linux",
    Architecture: "x86_64",
    NCPU: 2,
    MemTotal: 25276502016,
    Name: "vm",
    DockerRootDir: "/var/lib/naru",
    Debug: false,
    Labels: ["a=b"],
    RegistryConfig: { InsecureRegistryCIDRs: ["127.0.0.0/8"], IndexConfigs: {}, Mirrors: null },
    ServerVersion: "1.0",
  };
  expect(serverInfoText(info)).toBe(
    `Server:
 Containers: 3
  Running: 1
  Paused: 0
  Stopped: 2
 Images: 4
 Server Version: 1.0
 Storage Driver: overlay2
  Backing Filesystem: extfs
 Logging Driver: json-file
 Cgroup Driver: cgroupfs
 Cgroup Version: 1
 Plugins:
  Volume: local
  Network: bridge host
  Log: json-file
 Swarm: inactive
 Runtimes: crun runc
 Default Runtime: crun
 Init Binary: naru-init
 containerd version: ${""}
 runc version: ${""}
 init version: ${""}
 Security Options:
  seccomp
   Profile: builtin
  rootless
 Kernel Version: 6.1
 Operating System: Debian
 OSType: linux
 Architecture: x86_64
 CPUs: 2
 Total Memory: 23.54GiB
 Name: vm
 ID: id
 Docker Root Dir: /var/lib/naru
 Debug Mode: false
 Labels:
  a=b
 Experimental: false
 Insecure Registries:
  127.0.0.0/8
 Live Restore Enabled: false
`,
  );
});

test("an event as JSON has Docker's order", () => {
  const event = {
    time: 1,
    timeNano: 1795249087712556707n,
    scope: "local",
    Type: "container",
    id: "abc",
    from: "x",
    status: "start",
    Action: "start",
    Actor: { ID: "abc", Attributes: { name: "<web>", image: "x" } },
  };
  expect(eventJson(event)).toBe(
    '{"status":"start","id":"abc","from":"x","Type":"container","Action":"start","Actor":{"ID":"abc","Attributes":' +
      '{"image":"x","name":"\\u003cweb\\u003e"}},"scope":"local","time":1,"timeNano":1795249087712556707}',
  );
});
