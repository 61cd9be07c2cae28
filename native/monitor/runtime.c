#include "runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "descriptors.h"
#include "null-device.h"
#include "sealed-program.h"

// The runtime and the container must find the signals as any program does.
static void restore_signals(void) {
  struct sigaction by_default = {.sa_handler = SIG_DFL};
  for (int signal = 1; signal < 32; signal++) sigaction(signal, &by_default, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, 0);
}

static _Noreturn void execute(char **runtime, const int stdio[3], int problem) {
  restore_signals();
  for (int i = 0; i < 3; i++)
    if (dup2(stdio[i], i) < 0) break;
  int program = open_sealed_program(runtime[0]);
  if (program >= 0) syscall(SYS_execveat, program, "", runtime, environ, AT_EMPTY_PATH);
  // Also what cannot be executed by a descriptor: a script, whose interpreter would not find it.
  execvp(runtime[0], runtime);
  int error = errno;
  (void)!write(problem, &error, sizeof error);
  _exit(127);
}

static void close_all(int *fds, int count) {
  for (int i = 0; i < count; i++)
    if (fds[i] >= 0) close(fds[i]);
}

int runtime_spawn(const struct monitor_options *options, struct stdio *stdio, pid_t *pid, int *problem) {
  enum { IN_READ, IN_WRITE, OUT_READ, OUT_WRITE, ERR_READ, ERR_WRITE, WHY_READ, WHY_WRITE, NOTHING, COUNT };
  int fds[COUNT];
  memset(fds, -1, sizeof fds);
  bool has_pipes = !options->console;
  if ((fds[NOTHING] = open_private_null()) < 0 || pipe2(fds + WHY_READ, O_CLOEXEC) < 0 ||
      (has_pipes && (pipe2(fds + OUT_READ, O_CLOEXEC) < 0 || pipe2(fds + ERR_READ, O_CLOEXEC) < 0)) ||
      (has_pipes && options->has_stdin && pipe2(fds + IN_READ, O_CLOEXEC) < 0) || (*pid = fork()) < 0) {
    int error = errno;
    close_all(fds, COUNT);
    return error;
  }
  if (*pid == 0) {
    int nothing = fds[NOTHING];
    const int theirs[3] = {fds[IN_READ] >= 0 ? fds[IN_READ] : nothing, has_pipes ? fds[OUT_WRITE] : nothing,
                           has_pipes ? fds[ERR_WRITE] : nothing};
    execute(options->runtime, theirs, fds[WHY_WRITE]);
  }
  *stdio = (struct stdio){.output = {fds[OUT_READ], fds[ERR_READ]}, .input = fds[IN_WRITE]};
  *problem = fds[WHY_READ];
  close_all((int[]){fds[IN_READ], fds[OUT_WRITE], fds[ERR_WRITE], fds[WHY_WRITE], fds[NOTHING]}, 5);
  const int ours[] = {fds[OUT_READ], fds[ERR_READ], fds[IN_WRITE], fds[WHY_READ]};
  for (int i = 0; i < 4; i++)
    if (ours[i] >= 0) set_nonblocking(ours[i]);
  return 0;
}

int runtime_explain(const struct monitor_options *options, int problem, int code, char *text, size_t size) {
  int error;
  const char *runtime = options->runtime[0];
  if (read(problem, &error, sizeof error) == sizeof error) {
    snprintf(text, size, "cannot execute %s: %s", runtime, strerror(error));
    return -1;
  }
  snprintf(text, size, "%s exited with code %d", runtime, code);
  return code;
}

pid_t runtime_read_pid(const char *pid_file) {
  char text[32] = {0};
  int fd = open(pid_file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t count = read(fd, text, sizeof text - 1);
  close(fd);
  return count > 0 ? atoi(text) : 0;
}
