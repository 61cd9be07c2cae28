// Puts the root file system of a running container, without anything mounted on it, somewhere else: for `docker cp`.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "modes.h"

// Older C libraries have no wrappers; the numbers are the same on every architecture.
enum { NUMBER_OPEN_TREE = 428, NUMBER_MOVE_MOUNT = 429 };
enum { TREE_CLONE = 1, FROM_DESCRIPTOR = 4 };

static int fail(const char *what, const char *path) {
  fprintf(stderr, "%s %s: %s\n", what, path, strerror(errno));
  return 1;
}

/**
 * root-view NAMESPACE TARGET: the mount is copied inside the container's mount namespace, the only one where it can be, and
 * put on TARGET in the one that the program was started in (open_tree(2), move_mount(2), setns(2)).
 */
int run_root_view(int count, char **arguments) {
  if (count != 3) {
    fputs("usage: naru-monitor root-view /proc/PID/ns/mnt TARGET\n", stderr);
    return 2;
  }
  const char *namespace = arguments[1], *target = arguments[2];
  int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (own < 0) return fail("cannot open", "/proc/self/ns/mnt");
  int theirs = open(namespace, O_RDONLY | O_CLOEXEC);
  if (theirs < 0) return fail("cannot open", namespace);
  if (setns(theirs, CLONE_NEWNS) < 0) return fail("cannot enter", namespace);
  int tree = (int)syscall(NUMBER_OPEN_TREE, AT_FDCWD, "/", TREE_CLONE | O_CLOEXEC);
  if (tree < 0) return fail("cannot copy the root mount of", namespace);
  if (setns(own, CLONE_NEWNS) < 0) return fail("cannot return from", namespace);
  if (syscall(NUMBER_MOVE_MOUNT, tree, "", AT_FDCWD, target, FROM_DESCRIPTOR) < 0) return fail("cannot mount on", target);
  return 0;
}
