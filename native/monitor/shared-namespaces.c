// What the containers of a pod share besides their network. Told in PROTOCOL.md.
#include "shared-namespaces.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "descriptors.h"

static int keep(const char *from, const char *path) {
  int file = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0444);
  if (file < 0) return -1;
  close(file);
  if (mount(from, path, 0, MS_BIND, 0) == 0) return 0;
  int error = errno;
  unlink(path);
  return errno = error, -1;
}

int keep_new_ipc(const char *path) {
  return unshare(CLONE_NEWIPC) < 0 ? -1 : keep("/proc/self/ns/ipc", path);
}

int keep_new_uts(const char *path_and_name) {
  char path[512];
  const char *name = strchr(path_and_name, '=');
  if (!name || name - path_and_name >= (long)sizeof path) return errno = EINVAL, -1;
  snprintf(path, sizeof path, "%.*s", (int)(name - path_and_name), path_and_name);
  if (unshare(CLONE_NEWUTS) < 0 || sethostname(name + 1, strlen(name + 1)) < 0) return -1;
  return keep("/proc/self/ns/uts", path);
}

// Process 1: children that lose their parent come here and are buried by the kernel.
static _Noreturn void bury_for_ever(void) {
  setsid();
  close_from(0);
  signal(SIGCHLD, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  prctl(PR_SET_NAME, "pod-init");
  for (;;) pause();
}

int keep_new_pid(const char *path, pid_t *init) {
  char from[64];
  if (unshare(CLONE_NEWPID) < 0 || (*init = fork()) < 0) return -1;
  if (*init == 0) bury_for_ever();
  snprintf(from, sizeof from, "/proc/%d/ns/pid", (int)*init);
  if (keep(from, path) == 0) return 0;
  int error = errno;
  kill(*init, SIGKILL);
  return errno = error, -1;
}

int connect_to_loopback(const char *port) {
  char *end;
  long number = strtol(port, &end, 10);
  if (*end || number < 1 || number > 65535) return errno = EINVAL, -1;
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, (void *)&v4, sizeof v4) == 0) return fd;
  int error = errno;
  if (fd >= 0) close(fd);
  fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, (void *)&v6, sizeof v6) == 0) return fd;
  if (fd >= 0) close(fd);
  return errno = error, -1;
}
