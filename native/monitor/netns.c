// Network namespaces: made, entered, and served to the daemon as open sockets. Told in PROTOCOL.md.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "bytes.h"
#include "descriptors.h"
#include "frame.h"
#include "modes.h"
#include "shared-namespaces.h"

enum { PASSING_SOCKET = 3, MAX_ARGUMENTS = 256, NSFS_MAGIC = 0x6e736673, DNS_BACKLOG = 64 };

static const char DNS_ADDRESS[] = "127.0.0.11";

struct outcome {
  int fds[MAX_PASSED_DESCRIPTORS], fd_count;
  uint16_t udp_port, tcp_port;
  pid_t pid;
  char error[256];
};

// Sets the text and returns errno, for the answer.
static int fail(struct outcome *outcome, const char *what, const char *on) {
  int error = errno ? errno : EIO;
  snprintf(outcome->error, sizeof outcome->error, "cannot %s %s: %s", what, on, strerror(error));
  return error;
}

static int raise_loopback(struct outcome *outcome) {
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0) return fail(outcome, "raise interface", "lo");
  close(fd);
  return 0;
}

static int create(struct outcome *outcome, const char *path) {
  struct statfs status;
  int file = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0444);
  if (file < 0) return fail(outcome, "create", path);
  close(file);
  // A plain file may be left from before a reboot; a namespace is somebody's.
  if (statfs(path, &status) == 0 && (unsigned long)status.f_type == NSFS_MAGIC)
    return errno = EEXIST, fail(outcome, "create namespace", path);
  if (unshare(CLONE_NEWNET) < 0) return fail(outcome, "create namespace", path);
  int error = raise_loopback(outcome);
  if (!error && mount("/proc/self/ns/net", path, 0, MS_BIND, 0) < 0)
    error = fail(outcome, "mount namespace at", path);
  if (error) unlink(path);
  return error;
}

static int enter(struct outcome *outcome, const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(outcome, "open namespace", path);
  if (setns(fd, CLONE_NEWNET) < 0) return fail(outcome, "enter namespace", path);
  close(fd);
  return 0;
}

static int delete_namespace(struct outcome *outcome, const char *path) {
  if (umount2(path, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT) return fail(outcome, "unmount", path);
  if (unlink(path) < 0 && errno != ENOENT) return fail(outcome, "remove", path);
  return 0;
}

static int set_sysctl(struct outcome *outcome, const char *setting) {
  char path[512];
  const char *value = strchr(setting, '=');
  if (!value || strstr(setting, "..") || value - setting > 400)
    return errno = EINVAL, fail(outcome, "set sysctl", setting);
  int length = snprintf(path, sizeof path, "/proc/sys/%.*s", (int)(value - setting), setting);
  // As sysctl(8): dots separate, unless the name is already a path (interface names may have dots).
  if (!memchr(setting, '/', (size_t)(value - setting)))
    for (int i = sizeof "/proc/sys"; i < length; i++)
      if (path[i] == '.') path[i] = '/';
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, value + 1, strlen(value + 1)) < 0) return fail(outcome, "set sysctl", setting);
  close(fd);
  return 0;
}

static int open_dns_socket(int type, uint16_t *port) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t length = sizeof address;
  inet_pton(AF_INET, DNS_ADDRESS, &address.sin_addr);
  int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || bind(fd, (void *)&address, sizeof address) < 0 ||
      (type == SOCK_STREAM && listen(fd, DNS_BACKLOG) < 0) || getsockname(fd, (void *)&address, &length) < 0) {
    if (fd >= 0) close(fd);
    return -1;
  }
  *port = ntohs(address.sin_port);
  return fd;
}

static int open_socket(struct outcome *outcome, const char *kind) {
  int fd = -1;
  errno = EINVAL;
  if (outcome->fd_count == MAX_PASSED_DESCRIPTORS) return fail(outcome, "open one more", kind);
  if (strcmp(kind, "route") == 0) fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (strcmp(kind, "netfilter") == 0) fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  if (strcmp(kind, "dns-udp") == 0) fd = open_dns_socket(SOCK_DGRAM, &outcome->udp_port);
  if (strcmp(kind, "dns-tcp") == 0) fd = open_dns_socket(SOCK_STREAM, &outcome->tcp_port);
  if (strncmp(kind, "loopback:", 9) == 0) {
    fd = connect_to_loopback(kind + 9);
    if (fd >= 0) set_nonblocking(fd);
  }
  if (fd < 0) return fail(outcome, "open socket", kind);
  outcome->fds[outcome->fd_count++] = fd;
  return 0;
}

// Carries the arguments out in their order. 0 or an errno; what was created is taken back after a failure.
static int perform(struct outcome *outcome, int count, char **arguments) {
  const char *created = 0;
  int error = 0;
  for (int i = 0; i < count && !error; i += 2) {
    const char *name = arguments[i], *value = i + 1 < count ? arguments[i + 1] : "";
    if (strcmp(name, "--create") == 0) {
      error = create(outcome, value);
      if (!error) created = value;
    } else if (strcmp(name, "--enter") == 0) {
      error = enter(outcome, value);
    } else if (strcmp(name, "--delete") == 0) {
      error = delete_namespace(outcome, value);
    } else if (strcmp(name, "--ipc") == 0) {
      if (keep_new_ipc(value) < 0) error = fail(outcome, "create IPC namespace", value);
    } else if (strcmp(name, "--uts") == 0) {
      if (keep_new_uts(value) < 0) error = fail(outcome, "create UTS namespace", value);
    } else if (strcmp(name, "--pid") == 0) {
      if (keep_new_pid(value, &outcome->pid) < 0) error = fail(outcome, "create PID namespace", value);
    } else if (strcmp(name, "--sysctl") == 0) {
      error = set_sysctl(outcome, value);
    } else if (strcmp(name, "--open") == 0) {
      error = open_socket(outcome, value);
    } else {
      errno = EINVAL;
      error = fail(outcome, "understand", name);
    }
  }
  if (error && created) {
    umount2(created, MNT_DETACH);
    unlink(created);
  }
  return error;
}

static void write_answer(uint32_t id, int error, const struct outcome *outcome) {
  char pid[16];
  snprintf(pid, sizeof pid, "%d", (int)outcome->pid);
  const char *words = error ? outcome->error : outcome->pid ? pid : "";
  size_t text = strlen(words);
  unsigned char frame[FRAME_HEADER_BYTES + 12 + sizeof outcome->error], *payload = frame + FRAME_HEADER_BYTES;
  frame_header(frame, FRAME_NETNS_ANSWER, (uint32_t)(12 + text));
  put_u32(payload, id);
  put_u32(payload + 4, (uint32_t)error);
  put_u16(payload + 8, outcome->udp_port);
  put_u16(payload + 10, outcome->tcp_port);
  memcpy(payload + 12, words, text);
  (void)!write(1, frame, FRAME_HEADER_BYTES + 12 + text);
}

static _Noreturn void serve_request(char *payload, size_t length) {
  struct outcome outcome = {0};
  char *arguments[MAX_ARGUMENTS];
  int count = 0;
  uint32_t id = get_u32((unsigned char *)payload);
  for (char *at = payload + 4, *end = payload + length; at < end && count < MAX_ARGUMENTS; at += strlen(at) + 1)
    arguments[count++] = at;
  int error = perform(&outcome, count, arguments);
  if (!error && outcome.fd_count > 0 && !send_descriptors(PASSING_SOCKET, payload, 4, outcome.fds, outcome.fd_count))
    error = fail(&outcome, "pass", "descriptors");
  write_answer(id, error, &outcome);
  _exit(0);
}

static bool read_exactly(void *bytes, size_t length) {
  for (size_t have = 0; have < length;) {
    ssize_t count = read(0, (char *)bytes + have, length - have);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    have += (size_t)count;
  }
  return true;
}

// Until the daemon closes our stdin, which its death does too.
static int serve(void) {
  static char payload[FRAME_MAX_PAYLOAD + 1];
  unsigned char header[FRAME_HEADER_BYTES];
  // A signal to the daemon's process group (Ctrl-C at its terminal) must not take us before the daemon is done with us.
  setsid();
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  signal(SIGCHLD, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  set_close_on_exec(PASSING_SOCKET);
  while (read_exactly(header, sizeof header)) {
    uint32_t length = get_u32(header + 4);
    if (length < 4 || length > FRAME_MAX_PAYLOAD || !read_exactly(payload, length)) return 1;
    payload[length] = 0;
    pid_t child = header[0] == FRAME_NETNS_REQUEST ? fork() : 0;
    if (child == 0 && header[0] == FRAME_NETNS_REQUEST) serve_request(payload, length);
    if (child < 0) {
      struct outcome outcome = {0};
      int error = fail(&outcome, "fork for", "a request");
      write_answer(get_u32((unsigned char *)payload), error, &outcome);
    }
  }
  return 0;
}

int run_netns(int count, char **arguments) {
  if (count == 2 && strcmp(arguments[1], "--serve") == 0) return serve();
  struct outcome outcome = {0};
  int error = perform(&outcome, count - 1, arguments + 1);
  if (error) fprintf(stderr, "naru-monitor: %s\n", outcome.error);
  return error ? 1 : 0;
}
