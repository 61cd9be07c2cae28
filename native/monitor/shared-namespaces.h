// Namespaces that several containers share and that no container of theirs keeps: IPC, UTS, PID. All answer 0, or -1 and errno.
#pragma once
#include <sys/types.h>

// A new IPC namespace, kept by a bind mount at `path` (which is created).
int keep_new_ipc(const char *path);
// A new UTS namespace with this host name ("PATH=NAME"), kept likewise.
int keep_new_uts(const char *path_and_name);
// A new PID namespace with a process 1 that only buries the dead, kept likewise; tells its pid in ours. Only killing it ends the
// namespace.
int keep_new_pid(const char *path, pid_t *init);
// A TCP connection to this port of 127.0.0.1, else ::1; the descriptor.
int connect_to_loopback(const char *port);
