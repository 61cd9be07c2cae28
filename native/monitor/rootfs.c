#include "rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

enum { MOUNT_DATA_BYTES = 4096 };

struct mount_data {
  char text[MOUNT_DATA_BYTES];
  size_t length;
  int directories[MAX_LOWER_DIRECTORIES + 2], directory_count;
};

static bool fail(char *error, size_t size, const char *what, const char *path) {
  snprintf(error, size, "%s %s: %s", what, path, strerror(errno));
  return false;
}

// Our mounts must not reach the host, nor its shared mounts be cut off from a container that wants them.
static bool isolate(const struct rootfs_options *options, char *error, size_t size) {
  if (!options->keeps_propagation)
    return mount(0, "/", 0, MS_REC | MS_SLAVE, 0) == 0 || fail(error, size, "cannot make mounts slaves of", "/");
  char path[4096];
  if (snprintf(path, sizeof path, "%s", options->path) >= (int)sizeof path) {
    errno = ENAMETOOLONG;
    return fail(error, size, "cannot use", options->path);
  }
  // mount(2) answers EINVAL for what is no mount point: climb until it is one.
  while (mount(0, path, 0, MS_PRIVATE, 0) < 0) {
    char *slash = strrchr(path, '/');
    if (errno != EINVAL || !slash || strcmp(path, "/") == 0)
      return fail(error, size, "cannot make private the mount of", options->path);
    slash[slash == path] = 0;
  }
  return true;
}

/**
 * Appends the directory as a number: its descriptor, a name relative to /proc/self/fd. The mount data has one
 * page at most, which real paths of a hundred layers exceed, and colons and commas in them would need care.
 */
static bool append_directory(struct mount_data *data, const char *prefix, const char *path, char *error, size_t size) {
  int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail(error, size, "cannot open layer", path);
  data->directories[data->directory_count++] = fd;
  data->length += (size_t)snprintf(data->text + data->length, MOUNT_DATA_BYTES - data->length, "%s%d", prefix, fd);
  errno = E2BIG;
  return data->length < MOUNT_DATA_BYTES || fail(error, size, "cannot mount layers at", path);
}

static bool compose(const struct rootfs_options *options, struct mount_data *data, char *error, size_t size) {
  for (int i = 0; i < options->lower_count; i++)
    if (!append_directory(data, i ? ":" : "lowerdir=", options->lower[i], error, size)) return false;
  if (options->upper && !append_directory(data, ",upperdir=", options->upper, error, size)) return false;
  if (options->work && !append_directory(data, ",workdir=", options->work, error, size)) return false;
  for (int i = 0; i < options->extra_count; i++) {
    data->length +=
        (size_t)snprintf(data->text + data->length, MOUNT_DATA_BYTES - data->length, ",%s", options->extra[i]);
    errno = E2BIG;
    if (data->length >= MOUNT_DATA_BYTES) return fail(error, size, "cannot use option", options->extra[i]);
  }
  return true;
}

bool rootfs_mount(const struct rootfs_options *options, struct rootfs *rootfs, char *error, size_t size) {
  *rootfs = (struct rootfs){.host_namespace = -1};
  if (!options->path) return true;
  rootfs->host_namespace = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (rootfs->host_namespace < 0) return fail(error, size, "cannot open", "/proc/self/ns/mnt");
  if (unshare(CLONE_NEWNS) < 0) return fail(error, size, "cannot make a mount namespace for", options->path);
  if (!isolate(options, error, size)) return false;
  struct mount_data data = {.directory_count = 0};
  bool is_composed = compose(options, &data, error, size);
  bool is_mounted = is_composed && chdir("/proc/self/fd") == 0 &&
                    mount("overlay", options->path, "overlay", options->upper ? 0 : MS_RDONLY, data.text) == 0;
  if (is_composed && !is_mounted) fail(error, size, "cannot mount overlay at", options->path);
  for (int i = 0; i < data.directory_count; i++) close(data.directories[i]);
  if (chdir("/") < 0 || !is_mounted) return false;
  rootfs->root = open(options->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  return rootfs->root >= 0 || fail(error, size, "cannot open", options->path);
}

void rootfs_leave(struct rootfs *rootfs) {
  if (rootfs->host_namespace < 0) return;
  setns(rootfs->host_namespace, CLONE_NEWNS);
  close(rootfs->host_namespace);
  rootfs->host_namespace = -1;
}
