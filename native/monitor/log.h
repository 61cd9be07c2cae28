// The container's log: Docker's json-file format, rotated as Docker does. A full disk costs lines, never the container.
// In mode "non-blocking" these functions only put things into the queue of another process (log-queue.h).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_stream { LOG_STDOUT, LOG_STDERR };

struct log_options {
  const char *path;        // null: no log
  const char *attributes;  // JSON object for `attrs`, or null
  uint64_t max_bytes;      // 0: never rotated
  unsigned max_files;      // 1: the file is emptied instead
  bool compresses;         // rotated files are gzipped
  uint64_t buffer_bytes;   // mode non-blocking: how much may wait for the disk; 0: mode blocking
};

void log_open(const struct log_options *options);
// Takes output as it was read; complete lines wait in memory for log_flush().
void log_append(enum log_stream stream, const char *bytes, size_t length);
// Writes the lines that wait.
void log_flush(void);
// Waits until everything is in the file; returns without that when the disk stalls for so long.
void log_settle(int milliseconds);
// Writes what has no newline yet: a stream has ended.
void log_end(enum log_stream stream);
// Opens the file by its name again.
void log_reopen(void);
// Gives memory back while nothing happens.
void log_release_memory(void);

uint64_t log_size(void);
uint32_t log_rotations(void);
uint64_t log_dropped_lines(void);
