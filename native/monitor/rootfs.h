// A container's overlay root, mounted where only the monitor and what it starts can see it.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "options.h"

struct rootfs {
  int host_namespace;  // descriptor of the mount namespace we came from; -1 when we never left it
  int root;            // descriptor of the mounted root; 0: none
};

// False on failure, with the reason in `error`.
bool rootfs_mount(const struct rootfs_options *options, struct rootfs *rootfs, char *error, size_t error_size);
/**
 * Goes back to the host's mount namespace. The container's own namespace keeps the mount now; staying would pin every
 * mount of the host that existed at our start (other containers' network namespaces among them).
 */
void rootfs_leave(struct rootfs *rootfs);
