/** `run` options that isolate and limit, through the real docker client and through naru's: what the container sees. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Finished, importBusybox, run, startDaemon, type TestDaemon } from "../support/daemon.ts";

let daemon: TestDaemon;
let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "naru-run-"));
  await writeFile(join(scratch, "file"), "from the host\n");
  await writeFile(join(scratch, "env"), "# comment\nA=1\nB=two words\n");
  daemon = await startDaemon();
  await importBusybox(daemon);
});
afterAll(async () => {
  await daemon?.stop();
  await rm(scratch, { recursive: true, force: true });
});

interface Case {
  options: string[] | (() => string[]);
  command: string[];
  stdout?: string | RegExp;
  code?: number;
}
const sh = (script: string) => ["sh", "-c", script];
const MEMORY_LIMIT = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max";
const OWN_CGROUP = "d=/sys/fs/cgroup; [ -d $d/pids ] && d=$d/pids;";
const PIDS_LIMIT = "cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max";

const CASES: Record<string, Case> = {
  "environment, working directory and host name": {
    options: ["-e", "X=1", "-w", "/tmp", "-h", "box"],
    command: sh("echo $X $(pwd) $(hostname)"),
    stdout: "1 /tmp box\n",
  },
  "--env-file": {
    options: () => ["--env-file", join(scratch, "env")],
    command: sh("echo $A-$B"),
    stdout: "1-two words\n",
  },
  "PATH, HOSTNAME and HOME are set": {
    options: ["-h", "box"],
    command: ["env"],
    stdout: /^PATH=\/usr\/local\/sbin:.*\nHOSTNAME=box\nHOME=\/root\n$/,
  },
  "a user by name with its groups": {
    options: ["-u", "user"],
    command: ["id"],
    stdout: /uid=1000.*gid=1000.*2000/,
  },
  "a root directory that was private when it was packed": {
    options: ["-u", "user"],
    command: sh("cat /etc/hostname >/dev/null; stat -c %a /"),
    stdout: "755\n",
  },
  "cgroups are read-only unless asked for": {
    options: [],
    command: sh(`${OWN_CGROUP} mkdir $d/sub 2>/dev/null && echo made; true`),
    stdout: "",
  },
  "--security-opt writable-cgroups": {
    options: ["--security-opt", "writable-cgroups=true"],
    command: sh(`${OWN_CGROUP} mkdir $d/sub && echo made`),
    stdout: "made\n",
  },
  "a user without account has a HOME nevertheless": {
    options: ["-u", "1234", "-e", "HOME="],
    command: sh("echo $HOME"),
    stdout: "/\n",
  },
  "a user by number and a group by name": {
    options: ["-u", "1234:extra"],
    command: sh("id -u; id -g"),
    stdout: "1234\n2000\n",
  },
  "--group-add": { options: ["-u", "user", "--group-add", "3000"], command: ["id", "-G"], stdout: /\b3000\b/ },
  "default capabilities": {
    options: [],
    command: sh("grep CapEff /proc/self/status"),
    stdout: "CapEff:\t00000000a80425fb\n",
  },
  "--cap-drop ALL": {
    options: ["--cap-drop", "ALL"],
    command: sh("grep CapEff /proc/self/status"),
    stdout: "CapEff:\t0000000000000000\n",
  },
  "--cap-add NET_ADMIN": {
    options: ["--cap-drop", "ALL", "--cap-add", "NET_ADMIN"],
    command: sh("grep CapEff /proc/self/status"),
    stdout: "CapEff:\t0000000000001000\n",
  },
  "seccomp filters by default": {
    options: [],
    command: sh("grep '^Seccomp:' /proc/self/status"),
    stdout: "Seccomp:\t2\n",
  },
  "seccomp=unconfined": {
    options: ["--security-opt", "seccomp=unconfined"],
    command: sh("grep '^Seccomp:' /proc/self/status"),
    stdout: "Seccomp:\t0\n",
  },
  "no-new-privileges": {
    options: ["--security-opt", "no-new-privileges"],
    command: sh("grep NoNewPrivs /proc/self/status"),
    stdout: "NoNewPrivs:\t1\n",
  },
  "--privileged sees the host's devices": {
    options: ["--privileged"],
    command: ["ls", "/dev/kmsg"],
    stdout: "/dev/kmsg\n",
  },
  "--read-only": { options: ["--read-only"], command: ["touch", "/x"], code: 1 },
  "--tmpfs over a directory of the image keeps its mode": {
    options: ["--tmpfs", "/root", "--tmpfs", "/etc:mode=711", "--tmpfs", "/not-there"],
    command: ["stat", "-c", "%a %n", "/root", "/etc", "/not-there"],
    stdout: "755 /root\n711 /etc\n1777 /not-there\n",
  },
  "a tmpfs option that there is not": { options: ["--tmpfs", "/t:nope"], command: ["true"], code: 125 },
  "--read-only with --tmpfs": {
    options: ["--read-only", "--tmpfs", "/scratch:size=1m"],
    command: sh("touch /scratch/x && df -k /scratch | tail -1 | awk '{print $2}'"),
    stdout: "1024\n",
  },
  "--memory": { options: ["-m", "64m"], command: sh(MEMORY_LIMIT), stdout: "67108864\n" },
  "--pids-limit": { options: ["--pids-limit", "20"], command: sh(PIDS_LIMIT), stdout: "20\n" },
  "--cpus": {
    options: ["--cpus", "0.5"],
    command: sh("cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d' ' -f1 /sys/fs/cgroup/cpu.max"),
    stdout: "50000\n",
  },
  "--cpu-quota -1 is no limit": {
    options: ["--cpu-quota", "-1"],
    command: sh("cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d' ' -f1 /sys/fs/cgroup/cpu.max"),
    stdout: /^(-1|max)\n$/,
  },
  "--cpuset-cpus": {
    options: ["--cpuset-cpus", "0"],
    command: sh("grep Cpus_allowed_list /proc/self/status"),
    stdout: /\t0\n/,
  },
  "--ulimit": { options: ["--ulimit", "nofile=100:200"], command: sh("ulimit -n; ulimit -Hn"), stdout: "100\n200\n" },
  "--shm-size": {
    options: ["--shm-size", "8m"],
    command: sh("df -k /dev/shm | tail -1 | awk '{print $2}'"),
    stdout: "8192\n",
  },
  "--ipc shareable": {
    options: ["--ipc", "shareable"],
    command: sh("grep -o '/dev/shm rw,nosuid,nodev,noexec' /proc/self/mountinfo"),
    stdout: "/dev/shm rw,nosuid,nodev,noexec\n",
  },
  "the device of tunnels": {
    options: ["--cap-add", "NET_ADMIN"],
    command: sh("mknod /tun c 10 200 && : <>/tun && echo open"),
    stdout: "open\n",
  },
  "--sysctl": {
    options: ["--sysctl", "net.ipv4.ip_forward=1"],
    command: ["cat", "/proc/sys/net/ipv4/ip_forward"],
    stdout: "1\n",
  },
  "--network with a setting of the interface": {
    options: [
      "--network",
      "name=bridge,driver-opt=com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.log_martians=1",
    ],
    command: ["cat", "/proc/sys/net/ipv4/conf/eth0/log_martians"],
    stdout: "1\n",
  },
  "--device": {
    options: ["--device", "/dev/kmsg:/dev/mine:r"],
    command: sh("test -c /dev/mine && echo yes"),
    stdout: "yes\n",
  },
  "--device-cgroup-rule for every minor number": {
    options: ["--cap-add", "SYSLOG", "--device-cgroup-rule", "c 1:* rwm"],
    command: sh("mknod /log c 1 11 && : </log && echo open"),
    stdout: "open\n",
  },
  "--pid host": { options: ["--pid", "host"], command: sh("test $$ -gt 20 && echo host"), stdout: "host\n" },
  "own pid namespace": { options: [], command: sh("echo $$"), stdout: "1\n" },
  "--uts host": {
    options: ["--uts", "host"],
    command: ["hostname"],
    stdout: `${(await import("node:os")).hostname()}\n`,
  },
  "--add-host": {
    options: ["--add-host", "db:10.9.8.7"],
    command: sh("grep -w db /etc/hosts"),
    stdout: "10.9.8.7\tdb\n",
  },
  "--dns": {
    options: ["--dns", "10.1.1.1"],
    command: sh("grep ^nameserver /etc/resolv.conf"),
    stdout: "nameserver 10.1.1.1\n",
  },
  "--entrypoint": { options: ["--entrypoint", "/bin/echo"], command: ["a", "b"], stdout: "a b\n" },
  "--init": {
    options: ["--init"],
    command: sh("tr '\\0' ' ' </proc/1/cmdline | cut -c1-17"),
    stdout: "/sbin/docker-init\n",
  },
  "a bind mount": {
    options: () => ["-v", `${scratch}:/mnt:ro`],
    command: ["cat", "/mnt/file"],
    stdout: "from the host\n",
  },
  "a read-only bind mount": { options: () => ["-v", `${scratch}:/mnt:ro`], command: ["touch", "/mnt/x"], code: 1 },
  "--mount type=bind": {
    options: () => ["--mount", `type=bind,src=${scratch},dst=/mnt,readonly`],
    command: ["cat", "/mnt/file"],
    stdout: "from the host\n",
  },
  "an anonymous volume": { options: ["-v", "/data"], command: sh("grep -c ' /data ' /proc/mounts"), stdout: "1\n" },
  "network none has only loopback": {
    options: ["--network", "none"],
    command: sh("ls /sys/class/net"),
    stdout: "lo\n",
  },
  "network host is the host's": {
    options: ["--network", "host"],
    command: sh("test $(ls /sys/class/net | wc -l) -gt 1 && echo host"),
    stdout: "host\n",
  },
  "stdout and stderr are apart": { options: [], command: sh("echo o; echo e >&2"), stdout: "o\n" },
  "the container's exit code": { options: [], command: sh("exit 42"), code: 42 },
  "a command that is not there": { options: [], command: ["nosuchcommand"], code: 127 },
  "a file that cannot be executed": { options: [], command: ["/etc/passwd"], code: 126 },
  "a directory as a command": { options: [], command: ["/etc"], code: 126 },
};

for (const client of ["docker", "naru"] as const) {
  describe(client, () => {
    for (const [name, { options, command, stdout, code = 0 }] of Object.entries(CASES)) {
      test(name, async () => {
        const words = typeof options === "function" ? options() : options;
        const result: Finished = await daemon[client](["run", "--rm", ...words, "busybox", ...command]);
        expect({ code: result.code, stderr: code === 0 ? result.stderr : "" }).toEqual({
          code,
          stderr: name.startsWith("stdout and stderr") ? "e\n" : "",
        });
        if (typeof stdout === "string") expect(result.stdout).toBe(stdout);
        else if (stdout) expect(result.stdout).toMatch(stdout);
      });
    }
    test("an unknown flag", async () => {
      const result = await daemon[client](["run", "--nonsense", "busybox"]);
      expect(result.code).toBe(125);
      expect(result.stderr).toContain("unknown flag: --nonsense");
    });
    test("an unknown image that may not be pulled", async () => {
      const result = await daemon[client](["run", "--rm", "--pull", "never", "nosuchimage", "true"]);
      expect(result.code).toBe(125);
      expect(result.stderr).toContain("No such image: nosuchimage:latest");
    });
    test("stdin reaches the container and its end too", async () => {
      const result = await daemon[client](["run", "--rm", "-i", "busybox", "sh", "-c", "wc -c"], {
        stdin: "x".repeat(200_000),
      });
      expect(result).toEqual({ code: 0, stdout: "200000\n", stderr: "" });
    });
    test("a volume is populated from the image and outlives the container", async () => {
      const volume = `pop-${client}`;
      const first = await daemon[client]([
        "run",
        "--rm",
        "-v",
        `${volume}:/etc`,
        "busybox",
        "sh",
        "-c",
        "echo mine >/etc/mine",
      ]);
      expect(first.code).toBe(0);
      const second = await daemon[client](["run", "--rm", "-v", `${volume}:/data`, "busybox", "ls", "/data"]);
      expect(second.stdout.split("\n")).toEqual(expect.arrayContaining(["mine", "passwd", "group"]));
      expect((await daemon[client](["volume", "rm", volume])).stdout).toBe(`${volume}\n`);
    });
    test("container:X shares namespaces", async () => {
      const name = `shared-${client}`;
      await daemon[client](["run", "-d", "--name", name, "busybox", "sleep", "1000"]);
      const result = await daemon[client]([
        ...["run", "--rm", "--pid", `container:${name}`, "--network", `container:${name}`, "busybox"],
        ...["sh", "-c", "cat /proc/1/cmdline | tr '\\0' ' '; hostname"],
      ]);
      const id = (await daemon[client](["inspect", "-f", "{{.Config.Hostname}}", name])).stdout;
      expect(result.stdout).toBe(`sleep 1000 ${id}`);
      await daemon[client](["rm", "-f", name]);
    });
  });
}

test("seccomp filters are compiled once for all containers, and the compiling leaves nothing behind", async () => {
  const seccomp = join(daemon.execRoot, "seccomp");
  const names = async () => (await readdir(seccomp)).sort();
  await daemon.docker(["run", "--rm", "--cap-add", "SYS_PTRACE", "busybox", "true"]);
  const before = await names();
  for (const name of before) expect(name).toMatch(/^[0-9a-f]{64}$/);
  const again = ["run", "--rm", "--cap-add", "SYS_PTRACE", "busybox", ...sh("grep ^Seccomp /proc/self/status")];
  expect((await daemon.docker(again)).stdout).toBe("Seccomp:\t2\nSeccomp_filters:\t1\n");
  expect(await names()).toEqual(before);
  const left = await run(["pgrep", "-f", join(seccomp, "compiler")]);
  expect(left).toMatchObject({ code: 1, stdout: "" });
});

test("a directory of an image as a mount", async () => {
  const mount = (subpath: string) => ["--mount", `type=image,source=busybox,target=/i,image-subpath=${subpath}`];
  const script = "/i/busybox echo there && touch /i/new";
  const done = await daemon.docker(["run", "--rm", ...mount("etc/../bin"), "busybox", ...sh(script)]);
  expect(done).toMatchObject({ code: 1, stdout: "there\n", stderr: expect.stringContaining("Read-only file system") });
  // Docker's clients read 127 from these words.
  const missing = await daemon.docker(["run", "--rm", ...mount("nope"), "busybox", "true"]);
  expect(missing).toMatchObject({
    code: 127,
    stderr: expect.stringContaining("cannot access path nope of the image busybox"),
  });
  const file = await daemon.docker(["run", "--rm", ...mount("bin/busybox"), "busybox", "true"]);
  expect(file.stderr).toContain("is no directory: mount the directory it lies in");
});

test("an image as a mount shows its own files alone", async () => {
  const look = sh("ls -d /i/bin; for f in .dockerenv dev etc/hosts; do test -e /i/$f && echo $f; done; true");
  const done = await daemon.docker([
    "run",
    "--rm",
    "--mount",
    "type=image,source=busybox,target=/i",
    "busybox",
    ...look,
  ]);
  expect(done).toMatchObject({ code: 0, stdout: "/i/bin\n" });
});

test("a bind mount covers the mounts inside its source as it is asked to", async () => {
  const source = join(scratch, "tree");
  await Bun.$`mkdir -p ${source}/inner && mount -t tmpfs inner ${source}/inner && touch ${source}/inner/seen`.quiet();
  try {
    const look =
      "ls /m/inner; touch /m/inner/new 2>/dev/null && echo inner; touch /m/new 2>/dev/null && echo outer; true";
    for (const [options, seen] of [
      ["", "seen\ninner\nouter\n"],
      [",ro", "new\nseen\n"],
      [",ro,bind-recursive=readonly,bind-propagation=rprivate", "new\nseen\n"],
      [",ro,bind-recursive=writable", "new\nseen\ninner\n"],
      [",ro,bind-recursive=disabled", ""],
    ] as const) {
      const mount = ["--mount", `type=bind,src=${source},dst=/m${options}`];
      expect((await daemon.docker(["run", "--rm", ...mount, "busybox", ...sh(look)])).stdout).toBe(seen);
    }
  } finally {
    await Bun.$`umount ${source}/inner`.quiet();
  }
});

test("no user of a container becomes the owner of the machine's null device", async () => {
  const owner = async () => (await stat("/dev/null")).uid;
  expect(await owner()).toBe(0);
  const name = "null-owner";
  expect((await daemon.docker(["run", "-d", "-u", "4321:4322", "--name", name, "busybox", "sleep", "60"])).code).toBe(
    0,
  );
  try {
    const command = "id -u; cat; ls -lL /proc/self/fd/0";
    const plain = await daemon.docker(["exec", "-u", "1234", name, "sh", "-c", command]);
    expect(plain).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(/^1234\nc.* 1, +3 .*\n$/) });
    for (const flag of ["-i", "-d"]) {
      expect((await daemon.docker(["exec", flag, "-u", "1234", name, "id"], { stdin: "" })).code).toBe(0);
    }
    expect((await daemon.naru(["exec", "-t", "-u", "1234", name, "id"])).stdout).toContain("uid=1234");
    expect(await owner()).toBe(0);
  } finally {
    await daemon.docker(["rm", "-f", name]);
  }
});
