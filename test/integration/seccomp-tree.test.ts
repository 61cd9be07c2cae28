/** What crun compiles of Docker's default rules, and the decision tree made of it: both must say the same of every call. */
import { afterAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readHostFacts } from "../../src/runtime/host-facts.ts";
import { findRuntimeProgram } from "../../src/runtime/runtime-program.ts";
import { SeccompFilters } from "../../src/runtime/seccomp-choice.ts";
import { SeccompCompiler } from "../../src/runtime/seccomp-compiler.ts";
import { withYoungCalls } from "../../src/runtime/seccomp-program.ts";
import { asDecisionTree } from "../../src/runtime/seccomp-tree.ts";
import { seccompAnswer, tellingCalls } from "../support/seccomp-answer.ts";
import { BINARY } from "./monitor-fixture.ts";

const directory = await mkdtemp(join(tmpdir(), "naru-seccomp-tree-"));
afterAll(() => rm(directory, { recursive: true, force: true }));
const facts = await readHostFacts();
const compiler = new SeccompCompiler(
  await findRuntimeProgram(undefined, ["crun"]),
  join(directory, "compiler"),
  BINARY,
);

const CUSTOM = JSON.stringify({
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: 13,
  architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  syscalls: [
    {
      names: `read write open close stat fstat lstat poll lseek mmap munmap brk ioctl access pipe select dup dup2 pause
        nanosleep getpid connect accept bind listen clone fork vfork execve exit wait4 uname fcntl flock fsync truncate
        getcwd chdir rename mkdir rmdir creat link unlink symlink readlink chmod chown umask futex exit_group openat`
        .trim()
        .split(/\s+/),
      action: "SCMP_ACT_ALLOW",
    },
    { names: ["socket"], action: "SCMP_ACT_ALLOW", args: [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }] },
    { names: ["prctl"], action: "SCMP_ACT_LOG", args: [{ index: 1, value: 0xffff0000ff, op: "SCMP_CMP_LT" }] },
    { names: ["kill"], action: "SCMP_ACT_KILL_PROCESS" },
  ],
});

test.each<[string, string, string[]]>([
  ["Docker's own", "default", ["CAP_CHOWN", "CAP_NET_RAW"]],
  ["Docker's own with more rights", "default", ["CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_BPF", "CAP_SYS_MODULE"]],
  ["rules of the user's", CUSTOM, []],
])("%s", async (_, profile, capabilities) => {
  const seccomp = profile === "default" ? ("default" as const) : { profile };
  const filter = new SeccompFilters(facts, undefined).choose({ seccomp }, false, capabilities)!;
  const program = withYoungCalls(await compiler.compile(filter), filter);
  const tree = asDecisionTree(program);
  // Else the comparison would compare a program with itself.
  expect(tree).not.toBe(program);
  const calls = tellingCalls(program);
  expect(calls.length).toBeGreaterThan(500);
  expect(calls.filter(({ rest }) => rest).length).toBeGreaterThan(500);
  const differing = calls.filter((call) => seccompAnswer(tree, call) !== seccompAnswer(program, call));
  expect(differing.slice(0, 10)).toEqual([]);
});
