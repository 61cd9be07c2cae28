// Process 1 of a container that asked for one: starts the command, passes signals on to it, buries orphans.
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "modes.h"

enum { EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

static _Noreturn void execute(char **command, const sigset_t *mask) {
  // A process group of its own, in the terminal's foreground: Ctrl-C reaches the command and what it started.
  setpgid(0, 0);
  tcsetpgrp(0, getpgrp());
  signal(SIGTTIN, SIG_DFL);
  signal(SIGTTOU, SIG_DFL);
  sigprocmask(SIG_SETMASK, mask, 0);
  execvp(command[0], command);
  int error = errno;
  fprintf(stderr, "docker-init: cannot execute %s: %s\n", command[0], strerror(error));
  _exit(error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

// Buries every dead child. True when the command was among them.
static bool bury(pid_t command, int *code) {
  bool is_over = false;
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid != command) continue;
    is_over = true;
    *code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  return is_over;
}

int run_init(int count, char **arguments) {
  char **command = arguments + 1;
  if (count > 1 && strcmp(command[0], "--") == 0) command++;
  if (!command[0]) {
    fputs("docker-init: no command given\n", stderr);
    return 1;
  }
  // All signals are waited for but those by which a fault of our own shows.
  static const int faults[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU};
  sigset_t awaited, before;
  sigfillset(&awaited);
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&awaited, faults[i]);
  sigprocmask(SIG_SETMASK, &awaited, &before);
  signal(SIGTTIN, SIG_IGN);
  signal(SIGTTOU, SIG_IGN);
  pid_t child = fork();
  if (child < 0) {
    fprintf(stderr, "docker-init: cannot fork: %s\n", strerror(errno));
    return 1;
  }
  if (child == 0) execute(command, &before);
  for (int code = 0;;) {
    int signal = sigwaitinfo(&awaited, 0);
    if (signal == SIGCHLD) {
      if (bury(child, &code)) return code;
    } else if (signal > 0) {
      kill(child, signal);
    }
  }
}
