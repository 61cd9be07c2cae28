#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "log-compressor.h"
#include "log-queue.h"

enum {
  // Docker cuts longer lines into pieces of this size; only the last piece has the newline.
  PIECE_BYTES = 16384,
  MAX_ATTRIBUTES = 32768,
  LINE_OVERHEAD = 128,
  WAITING_BYTES = 384 * 1024,
  RETRY_AFTER_MS = 100,
  PAGE = 4096,
};

// A line that has not ended yet. All pieces of a line carry the time of its first one.
struct unfinished {
  char bytes[PIECE_BYTES];
  size_t length;
  bool is_continued;
  struct timespec time;
};

static struct log_options options;
static size_t attributes_length;
static int file = -1;
static uint64_t file_bytes, dropped_lines;
static uint32_t rotations;
static struct timespec retry_at;
static _Alignas(PAGE) struct unfinished unfinished[2];
static _Alignas(PAGE) char waiting[WAITING_BYTES];
static size_t waiting_bytes;

static void open_file(int flags) {
  if (file >= 0) close(file);
  file = open(options.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0640);
  struct stat status;
  file_bytes = file >= 0 && fstat(file, &status) == 0 ? (uint64_t)status.st_size : 0;
}

void log_open(const struct log_options *chosen) {
  options = *chosen;
  if (!options.path) return;
  if (options.buffer_bytes && log_queue_open(&options)) return;
  attributes_length = options.attributes ? strlen(options.attributes) : 0;
  if (attributes_length > MAX_ATTRIBUTES) attributes_length = 0;
  open_file(0);
}

void log_reopen(void) {
  if (log_queue_is_open()) return log_queue_reopen();
  if (!options.path) return;
  log_flush();
  open_file(0);
}

uint64_t log_size(void) { return log_queue_is_open() ? log_queue_size() : file_bytes; }
uint32_t log_rotations(void) { return log_queue_is_open() ? log_queue_rotations() : rotations; }
uint64_t log_dropped_lines(void) { return log_queue_is_open() ? log_queue_dropped_lines() : dropped_lines; }

// The name of the rotated file `number`, plain or compressed; 0 is the file itself.
static const char *numbered(char *out, size_t size, unsigned number, const char *suffix) {
  if (number == 0) return options.path;
  snprintf(out, size, "%s.%u%s", options.path, number, suffix);
  return out;
}

// What has a number takes the next one; a file that was compressed meanwhile leaves nothing under its old name.
static void move_on(unsigned number) {
  static const char *const suffixes[] = {"", ".gz"};
  char from[4096 + 32], to[4096 + 32];
  for (int i = 0; i < 2; i++) unlink(numbered(to, sizeof to, number + 1, suffixes[i]));
  for (int i = 0; i < (number == 0 ? 1 : 2); i++)
    rename(numbered(from, sizeof from, number, suffixes[i]), numbered(to, sizeof to, number + 1, suffixes[i]));
}

// file -> file.1 -> … -> file.(max_files - 1), the oldest is lost.
static void rotate(void) {
  char newest[4096 + 32];
  compressor_wait();
  for (unsigned number = options.max_files - 1; number > 0; number--) move_on(number - 1);
  open_file(O_TRUNC);
  rotations++;
  if (options.compresses && options.max_files > 1) compressor_start(numbered(newest, sizeof newest, 1, ""));
}

static bool is_before(struct timespec a, struct timespec b) {
  return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

static void retry_later(void) {
  clock_gettime(CLOCK_MONOTONIC, &retry_at);
  retry_at.tv_nsec += RETRY_AFTER_MS * 1000000L;
  if (retry_at.tv_nsec >= 1000000000L) retry_at.tv_sec++, retry_at.tv_nsec -= 1000000000L;
}

static bool may_write(void) {
  if (retry_at.tv_sec) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (is_before(now, retry_at)) return false;
    retry_at.tv_sec = 0;
  }
  if (file < 0) open_file(0);
  if (file < 0) retry_later();
  return file >= 0;
}

// Takes the half of a line off the file's end that a failing disk let through.
static void cut_torn_line(size_t written) {
  size_t torn = 0;
  while (torn < written && waiting[written - torn - 1] != '\n') torn++;
  struct stat status;
  if (torn && fstat(file, &status) == 0 && ftruncate(file, status.st_size - (off_t)torn) == 0) file_bytes -= torn;
}

void log_settle(int milliseconds) {
  if (log_queue_is_open()) return log_queue_settle(milliseconds);
  log_flush();
}

void log_flush(void) {
  if (log_queue_is_open()) return;
  size_t written = 0;
  bool is_writable = waiting_bytes > 0 && may_write();
  while (is_writable && written < waiting_bytes) {
    ssize_t count = write(file, waiting + written, waiting_bytes - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      cut_torn_line(written);
      retry_later();
      break;
    }
    written += (size_t)count;
    file_bytes += (size_t)count;
  }
  if (written < waiting_bytes) {
    while (written > 0 && waiting[written - 1] != '\n') written--;
    for (size_t i = written; i < waiting_bytes; i++) dropped_lines += waiting[i] == '\n';
  }
  waiting_bytes = 0;
}

static char *put(char *out, const char *text, size_t length) {
  memcpy(out, text, length);
  return out + length;
}
#define PUT(out, text) put(out, text, sizeof text - 1)

static void append_entry(enum log_stream stream, const char *text, size_t length, struct timespec time) {
  size_t needed = length * JSON_MAX_GROWTH + attributes_length + LINE_OVERHEAD;
  if (waiting_bytes + needed > sizeof waiting) log_flush();
  char *start = waiting + waiting_bytes, *out = PUT(start, "{\"log\":\"");
  out = json_escape(out, text, length);
  out = stream == LOG_STDOUT ? PUT(out, "\",\"stream\":\"stdout\"") : PUT(out, "\",\"stream\":\"stderr\"");
  if (attributes_length) {
    out = PUT(out, ",\"attrs\":");
    out = put(out, options.attributes, attributes_length);
  }
  out = PUT(out, ",\"time\":\"");
  out = rfc3339_nano(out, time);
  out = PUT(out, "\"}\n");
  size_t entry = (size_t)(out - start), size = file_bytes + waiting_bytes;
  if (options.max_bytes && size > 0 && size + entry > options.max_bytes) {
    log_flush();
    // Somebody may have emptied the file meanwhile; what counts is its true size.
    struct stat status;
    if (file >= 0 && fstat(file, &status) == 0) file_bytes = (uint64_t)status.st_size;
    if (file_bytes > 0 && file_bytes + entry > options.max_bytes) rotate();
    memmove(waiting, start, entry);
  }
  waiting_bytes += entry;
}

// One line or piece of a line that is complete now: `rest` continues what was kept of it.
static void finish(enum log_stream stream, const char *rest, size_t length, bool has_ended) {
  struct unfinished *kept = &unfinished[stream];
  if (kept->length == 0 && !kept->is_continued) clock_gettime(CLOCK_REALTIME, &kept->time);
  if (kept->length == 0) {
    append_entry(stream, rest, length, kept->time);
  } else {
    memcpy(kept->bytes + kept->length, rest, length);
    append_entry(stream, kept->bytes, kept->length + length, kept->time);
    kept->length = 0;
  }
  kept->is_continued = !has_ended;
}

void log_append(enum log_stream stream, const char *bytes, size_t length) {
  if (log_queue_is_open()) return log_queue_append(stream, bytes, length);
  if (!options.path) return;
  struct unfinished *kept = &unfinished[stream];
  while (length > 0) {
    size_t room = PIECE_BYTES - kept->length, window = length < room ? length : room;
    const char *newline = memchr(bytes, '\n', window);
    size_t taken = newline ? (size_t)(newline - bytes) + 1 : window;
    if (newline || taken == room) {
      finish(stream, bytes, taken, newline != 0);
    } else {
      if (kept->length == 0 && !kept->is_continued) clock_gettime(CLOCK_REALTIME, &kept->time);
      memcpy(kept->bytes + kept->length, bytes, taken);
      kept->length += taken;
    }
    bytes += taken;
    length -= taken;
  }
}

void log_end(enum log_stream stream) {
  if (log_queue_is_open()) return log_queue_end(stream);
  if (options.path && unfinished[stream].length > 0) finish(stream, "", 0, true);
}

void log_release_memory(void) {
  if (waiting_bytes == 0) madvise(waiting, sizeof waiting, MADV_DONTNEED);
  if (unfinished[0].length + unfinished[1].length == 0 && !unfinished[0].is_continued && !unfinished[1].is_continued)
    madvise(unfinished, sizeof unfinished / PAGE * PAGE, MADV_DONTNEED);
}
