#include "life.h"

#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descriptors.h"
#include "input.h"
#include "log.h"
#include "news.h"
#include "output.h"
#include "state.h"

// The log is whole before the end is told, unless the disk stalls.
enum { LAST_SETTLE_MS = 5000 };

void end(void) {
  self.phase = LINGERING;
  self.deadline_ms = now_ms() + LINGER_MS;
  // Of a failed start there is only what the runtime said, which the daemon tells in its own words.
  if (!self.has_failed) read_all_output();
  for (int index = 0; index < 2; index++)
    if (self.stdio.output[index] >= 0) end_output(index);
  close_input();
  log_settle(LAST_SETTLE_MS);
  if (self.has_failed)
    result_write_failure(self.options.directory, self.failure_code, self.failure);
  else
    result_write_exit(self.options.directory, self.process, &self.status);
  tell_all(send_end);
}

void fail(int32_t code) {
  self.has_failed = true;
  self.failure_code = code;
  end();
}

static void drain(void) {
  self.phase = DRAINING;
  self.deadline_ms = now_ms() + DRAIN_MS;
}

void take_terminal(void) {
  int master = accept_descriptor(self.console);
  if (master < 0) return;
  set_nonblocking(master);
  self.stdio = (struct stdio){.output = {master, -1}, .input = self.options.has_stdin ? master : -1};
  apply_size();
  close(self.console);
  unlink(self.options.console);
  self.console = -1;
}

static void on_runtime_end(int wait_status) {
  int32_t code = (int32_t)exit_status_of(wait_status).code;
  if (self.console >= 0) take_terminal();
  if (code == 0 && (self.process = runtime_read_pid(self.options.pid_file)) > 0) {
    clock_gettime(CLOCK_REALTIME, &self.started_at);
    self.phase = RUNNING;
    tell_all(send_started);
  } else {
    code = runtime_explain(&self.options, self.problem, code, self.failure, sizeof self.failure);
  }
  close(self.problem);
  if (self.console >= 0) close(self.console), unlink(self.options.console), self.console = -1;
  rootfs_leave(&self.rootfs);
  if (!self.process) return fail(code);
  for (int i = 0; i < self.stray_count; i++)
    if (self.strays[i].pid == self.process) self.status = self.strays[i].status, self.has_status = true;
  if (self.has_status) drain();
}

static void remember_stray(pid_t pid, int wait_status) {
  int slot = self.stray_count < MAX_STRAYS ? self.stray_count++ : MAX_STRAYS - 1;
  self.strays[slot].pid = pid;
  self.strays[slot].status = exit_status_of(wait_status);
}

void reap(void) {
  struct signalfd_siginfo ignored;
  while (read(self.signals, &ignored, sizeof ignored) > 0) continue;
  int wait_status, runtime_status = 0;
  bool runtime_ended = false;
  for (pid_t pid; (pid = waitpid(-1, &wait_status, WNOHANG)) > 0;) {
    if (pid == self.runtime) {
      runtime_ended = true;
      runtime_status = wait_status;
    } else if (self.phase == STARTING) {
      remember_stray(pid, wait_status);
    } else if (pid == self.process && !self.has_status) {
      self.status = exit_status_of(wait_status);
      self.has_status = true;
      drain();
    }
  }
  if (runtime_ended) on_runtime_end(runtime_status);
}
