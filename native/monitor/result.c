#include "result.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json.h"

enum { RESERVED_BYTES = 512 };

static int prepared = -1;

struct exit_status exit_status_of(int wait_status) {
  struct exit_status status = {0};
  clock_gettime(CLOCK_REALTIME, &status.time);
  if (WIFSIGNALED(wait_status)) {
    status.signal = (uint32_t)WTERMSIG(wait_status);
    status.code = 128 + status.signal;
  } else {
    status.code = (uint32_t)WEXITSTATUS(wait_status);
  }
  return status;
}

static void temporary_name(const char *directory, char *path, size_t size) {
  snprintf(path, size, "%s/exit.new", directory);
}

void result_prepare(const char *directory) {
  if (!directory) return;
  char path[4096], blank[RESERVED_BYTES];
  temporary_name(directory, path, sizeof path);
  prepared = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  memset(blank, ' ', sizeof blank);
  if (prepared >= 0) (void)!write(prepared, blank, sizeof blank);
}

static void publish(const char *directory, const char *text, size_t length) {
  if (!directory || prepared < 0) return;
  char from[4096], to[4096];
  temporary_name(directory, from, sizeof from);
  snprintf(to, sizeof to, "%s/exit", directory);
  if (pwrite(prepared, text, length, 0) == (ssize_t)length && ftruncate(prepared, (off_t)length) == 0) rename(from, to);
  close(prepared);
  prepared = -1;
}

void result_write_exit(const char *directory, pid_t pid, const struct exit_status *status) {
  char text[RESERVED_BYTES], time[RFC3339_NANO_MAX + 1];
  *rfc3339_nano(time, status->time) = 0;
  int length = snprintf(text, sizeof text, "{\"code\":%u,\"signal\":%u,\"pid\":%d,\"time\":\"%s\"}\n", status->code,
                        status->signal, (int)pid, time);
  publish(directory, text, (size_t)length);
}

void result_write_failure(const char *directory, int runtime_code, const char *message) {
  char text[4096], escaped[3072], time[RFC3339_NANO_MAX + 1];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  size_t length = strlen(message), most = (sizeof escaped - 1) / JSON_MAX_GROWTH;
  *json_escape(escaped, message, length < most ? length : most) = 0;
  *rfc3339_nano(time, now) = 0;
  int written = snprintf(text, sizeof text, "{\"failed\":\"%s\",\"code\":%d,\"time\":\"%s\"}\n", escaped, runtime_code,
                         time);
  publish(directory, text, (size_t)written);
}
