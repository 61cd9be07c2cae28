// Mode "non-blocking": another process writes the log, so that a disk that stalls never stalls the container. Between the
// two lies a ring in shared memory; what does not fit is lost, whole reads at a time, and counted by lines.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"

// Starts the writing process; false when there cannot be one.
bool log_queue_open(const struct log_options *options);
// True in the monitor while another process writes its log.
bool log_queue_is_open(void);
void log_queue_append(enum log_stream stream, const char *bytes, size_t length);
void log_queue_end(enum log_stream stream);
void log_queue_reopen(void);
// Waits until all that was taken is in the file, at most so long.
void log_queue_settle(int milliseconds);

uint64_t log_queue_size(void);
uint32_t log_queue_rotations(void);
uint64_t log_queue_dropped_lines(void);
