#include "null-device.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

// linux/mount.h, which clashes with the C library's own header.
enum { OPEN_CLOEXEC = 1, CONFIG_CREATE = 6, MOUNT_CLOEXEC = 1 };
enum { NULL_MAJOR = 1, NULL_MINOR = 3 };

// A file system that is mounted nowhere (fsmount(2), Linux 5.2): it goes with the last descriptor.
static int open_detached_tmpfs(void) {
  int context = (int)syscall(SYS_fsopen, "tmpfs", OPEN_CLOEXEC);
  if (context < 0) return -1;
  int mount = -1;
  if (syscall(SYS_fsconfig, context, CONFIG_CREATE, 0, 0, 0) == 0)
    mount = (int)syscall(SYS_fsmount, context, MOUNT_CLOEXEC, 0);
  int error = errno;
  close(context);
  errno = error;
  return mount;
}

// What older kernels get: reads as empty, and is not the machine's device either.
static int open_empty_pipe(void) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -1;
  close(ends[1]);
  return ends[0];
}

int open_private_null(void) {
  int mount = open_detached_tmpfs();
  if (mount < 0) return open_empty_pipe();
  int fd = -1;
  // Programs that look up the name of their input find the usual one.
  if (mkdirat(mount, "dev", 0755) == 0 &&
      mknodat(mount, "dev/null", S_IFCHR | 0666, makedev(NULL_MAJOR, NULL_MINOR)) == 0)
    fd = openat(mount, "dev/null", O_RDWR | O_CLOEXEC);
  if (fd >= 0) fchmod(fd, 0666);
  close(mount);
  return fd >= 0 ? fd : open_empty_pipe();
}
