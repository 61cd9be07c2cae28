// What became of the process: told in frames, and left in <dir>/exit for a daemon that comes later.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct exit_status {
  uint32_t code, signal;
  struct timespec time;
};

// From waitpid(2)'s status, at this moment.
struct exit_status exit_status_of(int wait_status);
// Reserves the file's space, so that a disk that fills up later cannot lose the result.
void result_prepare(const char *directory);
void result_write_exit(const char *directory, pid_t pid, const struct exit_status *status);
void result_write_failure(const char *directory, int runtime_code, const char *message);
