#include "log-queue.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "descriptors.h"
#include "frame.h"

enum { SETTLE_STEP_MS = 2, WRITER_READ_BYTES = FRAME_MAX_PAYLOAD };
enum record_kind { RECORD_OUTPUT, RECORD_END, RECORD_REOPEN };

struct record {
  uint32_t length;
  uint16_t kind, stream;
};

// `head` only grows in the monitor and `tail` in the writer; both count bytes since the beginning.
struct ring {
  _Atomic uint64_t head, tail, log_bytes, lost_lines;
  _Atomic uint32_t rotations;
  uint64_t limit, size;
  char bytes[];
};

static struct ring *ring;
// Bytes in this pipe mean that there is something in the ring; its end, that the monitor is gone.
static int bell = -1;
static uint64_t dropped_lines;
// Of a stream whose output did not fit, all up to the next newline belongs to a line that is lost.
static bool is_skipping[2];

static void copy_in(uint64_t at, const void *from, size_t length) {
  size_t offset = at % ring->size, first = ring->size - offset < length ? ring->size - offset : length;
  memcpy(ring->bytes + offset, from, first);
  memcpy(ring->bytes, (const char *)from + first, length - first);
}

static void copy_out(uint64_t at, void *to, size_t length) {
  size_t offset = at % ring->size, first = ring->size - offset < length ? ring->size - offset : length;
  memcpy(to, ring->bytes + offset, first);
  memcpy((char *)to + first, ring->bytes, length - first);
}

// ---- in the writing process ----

static void write_record(uint64_t at, const struct record *record) {
  static char bytes[WRITER_READ_BYTES];
  copy_out(at + sizeof *record, bytes, record->length);
  switch (record->kind) {
    case RECORD_OUTPUT: log_append(record->stream, bytes, record->length); break;
    case RECORD_END: log_end(record->stream); break;
    case RECORD_REOPEN: log_reopen(); break;
  }
}

static void write_all(void) {
  for (;;) {
    uint64_t tail = atomic_load(&ring->tail), head = atomic_load(&ring->head);
    if (tail == head) return;
    uint64_t at = tail;
    while (at < head) {
      struct record record;
      copy_out(at, &record, sizeof record);
      write_record(at, &record);
      at += sizeof record + record.length;
    }
    log_flush();
    atomic_store(&ring->log_bytes, log_size());
    atomic_store(&ring->rotations, log_rotations());
    atomic_store(&ring->lost_lines, log_dropped_lines());
    atomic_store(&ring->tail, at);
  }
}

static _Noreturn void write_until_alone(const struct log_options *options, int bell_end) {
  prctl(PR_SET_NAME, "naru-log");
  if (bell_end != 3) dup2(bell_end, 3);
  close_from(4);
  struct log_options chosen = *options;
  chosen.buffer_bytes = 0;
  log_open(&chosen);
  char rings[4096];
  while (read(3, rings, sizeof rings) > 0) {
    write_all();
    log_release_memory();
  }
  write_all();
  _exit(0);
}

// ---- in the monitor ----

bool log_queue_open(const struct log_options *options) {
  // Docker takes a message into an empty buffer however long it is.
  size_t size = options->buffer_bytes + WRITER_READ_BYTES + 2 * sizeof(struct record);
  struct ring *shared = mmap(0, sizeof *shared + size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int ends[2];
  if (shared == MAP_FAILED) return false;
  if (pipe2(ends, O_CLOEXEC) < 0) {
    munmap(shared, sizeof *shared + size);
    return false;
  }
  ring = shared;
  ring->limit = options->buffer_bytes;
  ring->size = size;
  pid_t writer = fork();
  if (writer == 0) write_until_alone(options, ends[0]);
  close(ends[0]);
  if (writer < 0) {
    close(ends[1]);
    munmap(shared, sizeof *shared + size);
    ring = 0;
    return false;
  }
  bell = ends[1];
  set_nonblocking(bell);
  return true;
}

bool log_queue_is_open(void) { return bell >= 0; }

static bool add_record(enum record_kind kind, enum log_stream stream, const char *bytes, size_t length) {
  uint64_t head = atomic_load(&ring->head), used = head - atomic_load(&ring->tail);
  struct record record = {(uint32_t)length, kind, stream};
  bool is_output = kind == RECORD_OUTPUT;
  if (is_output && used > 0 && used + length > ring->limit) return false;
  if (used + sizeof record + length > ring->size) return false;
  copy_in(head, &record, sizeof record);
  copy_in(head + sizeof record, bytes, length);
  atomic_store(&ring->head, head + sizeof record + length);
  // A full pipe has bells enough.
  (void)!write(bell, "", 1);
  return true;
}

static void drop(enum log_stream stream, const char *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) dropped_lines += bytes[i] == '\n';
  // What the log has of this line ends here.
  if (!is_skipping[stream]) add_record(RECORD_END, stream, "", 0);
  is_skipping[stream] = length > 0 && bytes[length - 1] != '\n';
}

void log_queue_append(enum log_stream stream, const char *bytes, size_t length) {
  if (is_skipping[stream]) {
    const char *newline = memchr(bytes, '\n', length);
    size_t skipped = newline ? (size_t)(newline - bytes) + 1 : length;
    dropped_lines += newline != 0;
    is_skipping[stream] = newline == 0;
    bytes += skipped;
    length -= skipped;
  }
  if (length > 0 && !add_record(RECORD_OUTPUT, stream, bytes, length)) drop(stream, bytes, length);
}

void log_queue_end(enum log_stream stream) { add_record(RECORD_END, stream, "", 0); }
void log_queue_reopen(void) { add_record(RECORD_REOPEN, LOG_STDOUT, "", 0); }

void log_queue_settle(int milliseconds) {
  for (int waited = 0; waited < milliseconds; waited += SETTLE_STEP_MS) {
    if (atomic_load(&ring->tail) == atomic_load(&ring->head)) return;
    poll(0, 0, SETTLE_STEP_MS);
  }
}

uint64_t log_queue_size(void) { return atomic_load(&ring->log_bytes); }
uint32_t log_queue_rotations(void) { return atomic_load(&ring->rotations); }
uint64_t log_queue_dropped_lines(void) { return dropped_lines + atomic_load(&ring->lost_lines); }
