#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONSOLE_TIMEOUT_MS = 5000 };

void set_nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

void set_close_on_exec(int fd) { fcntl(fd, F_SETFD, FD_CLOEXEC); }

int listen_at(const char *path) {
  // sun_path holds 108 bytes; going through the directory's descriptor makes any path short.
  char directory[4096];
  const char *name = strrchr(path, '/');
  if (!name || strlen(path) >= sizeof directory) return errno = EINVAL, -1;
  memcpy(directory, path, (size_t)(name - path) + 1);
  directory[name - path + 1] = 0;
  int directory_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory_fd < 0) return -1;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int length = snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d%s", directory_fd, name);
  int listener = -1;
  if (length < (int)sizeof address.sun_path) listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  mode_t mask = umask(0177);
  unlink(path);
  if (listener >= 0 && (bind(listener, (void *)&address, sizeof address) < 0 || listen(listener, 16) < 0)) {
    close(listener);
    listener = -1;
  }
  umask(mask);
  int error = errno;
  close(directory_fd);
  errno = error;
  return listener;
}

bool send_descriptors(int socket, const void *bytes, size_t length, const int *fds, int count) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(MAX_PASSED_DESCRIPTORS * sizeof(int))];
  } control = {0};
  struct iovec part = {(void *)bytes, length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (count > 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
    memcpy(CMSG_DATA(header), fds, (size_t)count * sizeof(int));
  }
  ssize_t sent;
  do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent == (ssize_t)length;
}

int accept_descriptor(int listener) {
  int connection = accept4(listener, 0, 0, SOCK_CLOEXEC);
  if (connection < 0) return -1;
  struct pollfd ready = {connection, POLLIN, 0};
  char byte[64];
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct iovec part = {byte, sizeof byte};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  int fd = -1;
  if (poll(&ready, 1, CONSOLE_TIMEOUT_MS) == 1 && recvmsg(connection, &message, MSG_CMSG_CLOEXEC) >= 0) {
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS) memcpy(&fd, CMSG_DATA(header), sizeof fd);
  }
  close(connection);
  return fd;
}

void close_from(int first) {
  if (syscall(SYS_close_range, first, ~0u, 0) == 0) return;
  // Before Linux 5.9.
  for (int fd = first; fd < 4096; fd++) close(fd);
}
