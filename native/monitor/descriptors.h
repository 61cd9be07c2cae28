// Descriptors: flags, unix sockets at paths of any length, passing to another process.
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { MAX_PASSED_DESCRIPTORS = 64 };

void set_nonblocking(int fd);
void set_close_on_exec(int fd);
// Closes every descriptor from `first` on.
void close_from(int first);
// A listening SOCK_STREAM socket at `path`, mode 0600, replacing what was there; -1 and errno on failure.
int listen_at(const char *path);
// Sends `bytes` with descriptors beside them in one sendmsg(2). False on failure, errno set.
bool send_descriptors(int socket, const void *bytes, size_t length, const int *fds, int count);
// Accepts one connection and takes the one descriptor it brings (runtime-spec console socket); -1 on failure.
int accept_descriptor(int listener);
