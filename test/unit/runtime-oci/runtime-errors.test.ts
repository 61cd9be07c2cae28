import { describe, expect, test } from "bun:test";
import { containerStartError, execStartError, lastLoggedError } from "../../../src/runtime/runtime-errors.ts";

const TASK =
  "failed to create task for container: failed to create shim task: OCI runtime create failed: crun create failed: ";
const INIT = `${TASK}unable to start container process: error during container init: `;
const HINT =
  ": Are you trying to mount a directory onto a file (or vice-versa)? " +
  "Check if the specified host path exists and is the expected type";

describe("containerStartError", () => {
  test.each([
    [
      "executable file `x` not found in $PATH: No such file or directory",
      "x",
      "invalid",
      `${INIT}exec: "x": executable file not found in $PATH`,
    ],
    [
      "executable file `a/b` not found in $PATH: No such file or directory",
      "a/b",
      "invalid",
      `${INIT}exec: "a/b": stat a/b: no such file or directory`,
    ],
    ["open executable: Permission denied", "/x", "invalid", `${INIT}exec: "/x": permission denied`],
    ["open executable: Permission denied", "x", "invalid", `${INIT}exec: "x": executable file not found in $PATH`],
    [
      "open executable: Operation not permitted",
      "/etc",
      "invalid",
      `${INIT}exec: "/etc": is a directory: permission denied`,
    ],
    ["open executable: Operation not permitted", "", "invalid", `${INIT}exec: "": executable file not found in $PATH`],
    ["open executable: Not a directory", "/f/x", "invalid", `${INIT}exec: "/f/x": stat /f/x: not a directory${HINT}`],
    [
      "the path `/etc/passwd` exists but it is not executable: Operation not permitted",
      "/etc/passwd",
      "invalid",
      `${INIT}exec: "/etc/passwd": permission denied`,
    ],
    [
      "the path `/bin/x` exists but it is not executable: Operation not permitted",
      "x",
      "invalid",
      `${INIT}exec: "x": executable file not found in $PATH`,
    ],
    [
      "the path `/etc` is not a regular file: Operation not permitted",
      "/etc",
      "invalid",
      `${INIT}exec: "/etc": is a directory: permission denied`,
    ],
    [
      "cannot open `/f/x`: Not a directory",
      "/f/x",
      "invalid",
      `${INIT}exec: "/f/x": stat /f/x: not a directory${HINT}`,
    ],
    [
      "chdir to `/f`: Not a directory",
      "x",
      "invalid",
      `${INIT}chdir to cwd ("/f") set in config.json failed: not a directory${HINT}`,
    ],
    [
      "open `/proc/sys/net/foo`: No such file or directory",
      "x",
      "invalid",
      `${INIT}open sysctl net.foo file: no such file or directory`,
    ],
    [
      "write to `/proc/sys/net/ipv4/ip_forward`: Invalid argument",
      "x",
      "internal",
      `${INIT}failed to write sysctl net.ipv4.ip_forward: invalid argument`,
    ],
    [
      "chdir `/f`: Not a directory",
      "x",
      "invalid",
      `${INIT}chdir to cwd ("/f") set in config.json failed: not a directory${HINT}`,
    ],
    [
      "mount `/a` to `etc/passwd`: Not a directory",
      "x",
      "invalid",
      `${INIT}error mounting "/a" to rootfs at "/etc/passwd": not a directory${HINT}`,
    ],
    [
      "mount `tmpfs` to `t`: Invalid argument",
      "x",
      "internal",
      `${INIT}error mounting "tmpfs" to rootfs at "/t": invalid argument`,
    ],
    [
      "open /proc/sys/net/foo: No such file or directory",
      "x",
      "invalid",
      `${INIT}open sysctl net.foo file: no such file or directory`,
    ],
    [
      "the sysctl `kernel.foo` is not namespaced",
      "x",
      "internal",
      `${TASK}sysctl "kernel.foo" is not in a separate kernel namespace`,
    ],
    ["invalid rlimit `RLIMIT_FOO`", "x", "internal", `${TASK}wrong rlimit value: RLIMIT_FOO`],
    [
      "setrlimit `RLIMIT_NOFILE`: Operation not permitted",
      "x",
      "internal",
      `${INIT}error setting rlimit nofile: operation not permitted`,
    ],
    [
      "OOM: the memory limit could be too low: read from sync socket",
      "x",
      "internal",
      `${TASK}unable to start container process: container init was OOM-killed (memory limit too low?)`,
    ],
    ["Something new", "x", "internal", `${TASK}unable to start container process: something new`],
    [
      'runc run failed: unable to start container process: error during container init: exec: "x": executable file not found in $PATH',
      "x",
      "invalid",
      `${INIT}exec: "x": executable file not found in $PATH`,
    ],
    ["runc run failed: wrong rlimit value: RLIMIT_FOO", "x", "internal", `${TASK}wrong rlimit value: RLIMIT_FOO`],
  ])("%s (%s)", (message, command, kind, expected) => {
    const error = containerStartError({ runtime: "crun", message, args: [command], cwd: "/" });
    expect({ kind: error.kind as string, message: error.message }).toEqual({ kind, message: expected });
  });

  test("a score that may not be lowered does not read like a command that may not be executed", () => {
    const message = "write to /proc/self/oom_score_adj: Permission denied";
    const error = containerStartError({ runtime: "crun", message, args: ["x"], cwd: "/" });
    expect(error.kind).toBe("internal");
    expect(error.message).not.toContain("permission denied");
  });
});

test.each<[message: string, expected: string, command?: string]>([
  [
    "executable file `x` not found in $PATH: No such file or directory",
    'exec: "x": executable file not found in $PATH',
  ],
  [
    "chdir `/no`: No such file or directory",
    'chdir to cwd ("/no") set in config.json failed: no such file or directory',
  ],
  ["exec: Exec format error", "exec x: exec format error"],
  [
    "the path `/etc` is not a regular file: Operation not permitted",
    'exec: "/etc": is a directory: permission denied',
    "/etc",
  ],
  [
    "chdir to `/no`: No such file or directory",
    'chdir to cwd ("/no") set in config.json failed: no such file or directory',
  ],
])("execStartError: %s", (...[message, expected, command = "x"]) => {
  const error = execStartError({ runtime: "crun", message, args: [command], cwd: "/" });
  expect(error.message).toBe(`OCI runtime exec failed: exec failed: unable to start container process: ${expected}`);
});

test.each([
  ["", ""],
  ["one\ntwo\n", "two"],
  ["2026-11-21T08:15:21.018832Z: it failed\n", "it failed"],
  ['{"level":"error","msg":"bad"}\n{"level":"info","msg":"bye"}\n', "bad"],
  ['{"level":"warning","msg":"hm"}\n', ""],
])("lastLoggedError of %j", (log, expected) => {
  expect(lastLoggedError(log)).toBe(expected);
});
