/**
 * What Docker's default seccomp profile lets a container do, as facts grouped by subject. Everything else fails with
 * EPERM. Source: the behaviour of Docker 28.5; test/unit/runtime-oci compares the outcome with the published profile.
 * `name{,32}` stands for `name` and `name32`.
 */
import type { SeccompProfile, SeccompRule } from "./seccomp-profile.ts";

/** Allowed whatever the arguments and capabilities are. */
const ALWAYS_ALLOWED = [
  // Files
  `
    _llseek access chdir chmod chown{,32} close close_range copy_file_range creat dup{,2,3} faccessat{,2} fadvise64
    fadvise64_64 fallocate fanotify_mark fchdir fchmod{,at,at2} fchown{,32,at} fcntl{,64} fdatasync flock fstat{,64}
    fstatat64 fstatfs{,64} fsync ftruncate{,64} futimesat getcwd getdents{,64} inotify_add_watch inotify_init{,1}
    inotify_rm_watch ioctl lchown{,32} link{,at} listmount lseek lstat{,64} mkdir{,at} mknod{,at} name_to_handle_at
    newfstatat open{,at,at2} pipe{,2} pread64 preadv{,2} pwrite64 pwritev{,2} read{,v} readahead readlink{,at}
    rename{,at,at2} rmdir sendfile{,64} splice stat{,64} statfs{,64} statmount statx symlink{,at} sync
    sync_file_range syncfs tee truncate{,64} umask unlink{,at} utime utimensat{,_time64} utimes vmsplice write{,v}
  `,
  // Extended attributes
  `
    fgetxattr flistxattr fremovexattr fsetxattr getxattr{,at} lgetxattr listxattr{,at} llistxattr lremovexattr
    lsetxattr removexattr{,at} setxattr{,at}
  `,
  // Memory
  `
    brk cachestat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock{,2} mlockall mmap{,2}
    mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease
    remap_file_pages
  `,
  // Waiting for events
  `
    _newselect epoll_create{,1} epoll_ctl epoll_ctl_old epoll_pwait{,2} epoll_wait epoll_wait_old eventfd{,2}
    io_cancel io_destroy io_getevents io_pgetevents{,_time64} io_setup io_submit poll ppoll{,_time64}
    pselect6{,_time64} select signalfd{,4} timerfd_create timerfd_gettime{,64} timerfd_settime{,64}
  `,
  // Signals
  `
    kill pause pidfd_open pidfd_send_signal restart_syscall rt_sigaction rt_sigpending rt_sigprocmask
    rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait{,_time64} rt_tgsigqueueinfo sigaltstack sigprocmask
    sigreturn tgkill tkill
  `,
  // Time
  `
    adjtimex alarm clock_adjtime{,64} clock_getres{,_time64} clock_gettime{,64} clock_nanosleep{,_time64} getitimer
    gettimeofday nanosleep setitimer time timer_create timer_delete timer_getoverrun timer_gettime{,64}
    timer_settime{,64} times
  `,
  // Processes and threads
  `
    execve{,at} exit exit_group fork futex{,_time64} futex_requeue futex_wait{,v} futex_wake get_robust_list
    get_thread_area getcpu getpgid getpgrp getpid getppid getpriority getrlimit getrusage getsid gettid
    ioprio_get ioprio_set prctl prlimit64 riscv_hwprobe rseq sched_get_priority_max sched_get_priority_min
    sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval{,_time64}
    sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield set_robust_list set_thread_area
    set_tid_address setpgid setpriority setrlimit setsid ugetrlimit uretprobe vfork wait4 waitid waitpid
  `,
  // Users, capabilities and sandboxes
  `
    capget capset getegid{,32} geteuid{,32} getgid{,32} getgroups{,32} getresgid{,32} getresuid{,32} getuid{,32}
    landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp setfsgid{,32} setfsuid{,32} setgid{,32}
    setgroups{,32} setregid{,32} setresgid{,32} setresuid{,32} setreuid{,32} setuid{,32}
  `,
  // Network and other talk between processes
  `
    accept{,4} bind connect getpeername getrandom getsockname getsockopt ipc listen mq_getsetattr mq_notify mq_open
    mq_timedreceive{,_time64} mq_timedsend{,_time64} mq_unlink msgctl msgget msgrcv msgsnd recv recvfrom
    recvmmsg{,_time64} recvmsg semctl semget semop semtimedop{,_time64} send sendmmsg sendmsg sendto setsockopt
    shmat shmctl shmdt shmget shutdown socketcall socketpair sysinfo uname
  `,
];

/** Allowed to containers that have the capability. */
const ALLOWED_WITH_CAPABILITY: Record<string, string> = {
  CAP_BPF: "bpf",
  CAP_DAC_READ_SEARCH: "open_by_handle_at",
  CAP_PERFMON: "perf_event_open",
  CAP_SYSLOG: "syslog",
  CAP_SYS_ADMIN: `
    bpf clone{,3} fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules
    lsm_set_self_attr mount{,_setattr} move_mount open_tree perf_event_open quotactl{,_fd} setdomainname sethostname
    setns syslog umount{,2} unshare
  `,
  CAP_SYS_BOOT: "reboot",
  CAP_SYS_CHROOT: "chroot",
  CAP_SYS_MODULE: "delete_module finit_module init_module",
  CAP_SYS_NICE: "get_mempolicy mbind set_mempolicy{,_home_node}",
  CAP_SYS_PACCT: "acct",
  CAP_SYS_PTRACE: "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
  CAP_SYS_RAWIO: "ioperm iopl",
  CAP_SYS_TIME: "clock_settime{,64} settimeofday stime",
  CAP_SYS_TTY_CONFIG: "vhangup",
};

/** Allowed on some processors only. */
const ALLOWED_ON_ARCHITECTURE: [arches: string[], names: string][] = [
  [["amd64", "x32"], "arch_prctl"],
  [["amd64", "x32", "x86"], "modify_ldt"],
  [["arm", "arm64"], "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2"],
  [["ppc64le"], "swapcontext sync_file_range2"],
  [["riscv64"], "riscv_flush_icache"],
  [["s390", "s390x"], "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr"],
];

/** AF_VSOCK would reach the hypervisor past every network rule. */
const AF_VSOCK = 40;
/** Linux, UNAME26 and ADDR_NO_RANDOMIZE in the combinations that are harmless, and "only ask". */
const PERSONALITIES = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];
/** CLONE_NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWCGROUP: clone may ask for none of them. */
const CLONE_NAMESPACE_FLAGS = 0x7e020000;
const ENOSYS = 38;

const allow = (names: string[], rest: Partial<SeccompRule> = {}): SeccompRule => ({
  names,
  action: "SCMP_ACT_ALLOW",
  ...rest,
});

/** Docker's default profile, before it is fitted to a container's capabilities, processor and kernel. */
export function defaultSeccompProfile(): SeccompProfile {
  const withoutAdmin = { caps: ["CAP_SYS_ADMIN"] };
  const s390 = ["s390", "s390x"];
  const noNamespaces = (index: number) => [{ index, value: CLONE_NAMESPACE_FLAGS, op: "SCMP_CMP_MASKED_EQ" }];
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 1,
    archMap: ARCHITECTURES,
    syscalls: [
      allow(ALWAYS_ALLOWED.flatMap(expandNames)),
      // Before 4.8 ptrace could lead out of the filter.
      allow(["process_vm_readv", "process_vm_writev", "ptrace"], { includes: { minKernel: "4.8" } }),
      allow(["socket"], { args: [{ index: 0, value: AF_VSOCK, op: "SCMP_CMP_NE" }] }),
      ...PERSONALITIES.map((value) => allow(["personality"], { args: [{ index: 0, value, op: "SCMP_CMP_EQ" }] })),
      ...ALLOWED_ON_ARCHITECTURE.map(([arches, names]) => allow(expandNames(names), { includes: { arches } })),
      ...Object.entries(ALLOWED_WITH_CAPABILITY).map(([capability, names]) =>
        allow(expandNames(names), { includes: { caps: [capability] } }),
      ),
      allow(["clone"], { args: noNamespaces(0), excludes: { ...withoutAdmin, arches: s390 } }),
      allow(["clone"], { args: noNamespaces(1), includes: { arches: s390 }, excludes: withoutAdmin }),
      // Its flags lie in memory, out of a filter's sight: libraries fall back to clone on ENOSYS.
      { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS, excludes: withoutAdmin },
    ],
  };
}

/** The 32-bit and sibling ABIs that come with each native one. */
const ARCHITECTURES = Object.entries({
  X86_64: ["X86", "X32"],
  AARCH64: ["ARM"],
  MIPS64: ["MIPS", "MIPS64N32"],
  MIPS64N32: ["MIPS", "MIPS64"],
  MIPSEL64: ["MIPSEL", "MIPSEL64N32"],
  MIPSEL64N32: ["MIPSEL", "MIPSEL64"],
  S390X: ["S390"],
  RISCV64: [],
}).map(([architecture, siblings]) => ({
  architecture: `SCMP_ARCH_${architecture}`,
  subArchitectures: siblings.map((sibling) => `SCMP_ARCH_${sibling}`),
}));

function expandNames(words: string): string[] {
  return words
    .trim()
    .split(/\s+/)
    .flatMap((word) => {
      const [, stem, endings] = /^(.*)\{(.*)\}$/.exec(word) ?? [];
      return endings === undefined ? [word] : endings.split(",").map((ending) => `${stem}${ending}`);
    });
}
