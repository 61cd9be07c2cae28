// crun protects its own file against the container that it enters (CVE-2019-5736): it executes itself once more from a
// mount that is read-only, unless it finds itself there already. Handing it over so spares it that second start, with all
// the linking, more than a millisecond for each container and each executed process.
#include "sealed-program.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

// The numbers are the same on every architecture; older C libraries lack the names.
enum { CALL_OPEN_TREE = 428, CALL_MOUNT_SETATTR = 442 };
// linux/mount.h, which clashes with the C library's own header.
enum { TREE_CLONE = 1, READ_ONLY = 1 };
struct mount_attributes {
  uint64_t set, clear, propagation, user_namespace;
};

int open_sealed_program(const char *path) {
  int tree = (int)syscall(CALL_OPEN_TREE, AT_FDCWD, path, TREE_CLONE | O_CLOEXEC);
  if (tree < 0) return -1;
  struct mount_attributes attributes = {.set = READ_ONLY};
  int program = -1;
  if (syscall(CALL_MOUNT_SETATTR, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) == 0) {
    char name[32];
    snprintf(name, sizeof name, "/proc/self/fd/%d", tree);
    program = open(name, O_PATH | O_CLOEXEC);
  }
  // With the descriptor that made it the mount leaves its namespace: from then on no right can make it writable again.
  close(tree);
  return program;
}
