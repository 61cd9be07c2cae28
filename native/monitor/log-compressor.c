#include "log-compressor.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descriptors.h"

enum { NAME_BYTES = 4096 + 32 };

static pid_t running;

static _Noreturn void run_gzip(int from, int to) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, 0);
  signal(SIGPIPE, SIG_DFL);
  if (dup2(from, 0) == 0 && dup2(to, 1) == 1) execlp("gzip", "gzip", "-c", (char *)0);
  _exit(127);
}

static bool compress(int from, int to) {
  pid_t gzip = fork();
  if (gzip == 0) run_gzip(from, to);
  int status = -1;
  return gzip > 0 && waitpid(gzip, &status, 0) == gzip && status == 0;
}

// The finished file appears at once under its name: a reader never sees a part of it.
static _Noreturn void compress_file(const char *path) {
  char unfinished[NAME_BYTES], finished[NAME_BYTES];
  snprintf(unfinished, sizeof unfinished, "%s.gz.new", path);
  snprintf(finished, sizeof finished, "%s.gz", path);
  close_from(3);
  signal(SIGCHLD, SIG_DFL);
  int from = open(path, O_RDONLY | O_CLOEXEC);
  int to = open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  struct stat status;
  bool is_done = from >= 0 && to >= 0 && fstat(from, &status) == 0 && compress(from, to);
  // By its time a follower of the log knows the file again.
  if (is_done) is_done = futimens(to, (struct timespec[]){status.st_atim, status.st_mtim}) == 0;
  if (is_done && rename(unfinished, finished) == 0)
    unlink(path);
  else
    unlink(unfinished);
  _exit(0);
}

void compressor_start(const char *path) {
  running = fork();
  if (running == 0) compress_file(path);
}

void compressor_wait(void) {
  // Somebody else may have reaped it: then it has ended as well.
  if (running > 0) waitpid(running, 0, 0);
  running = 0;
}
