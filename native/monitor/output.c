#include "output.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "connection.h"
#include "input.h"
#include "log.h"
#include "state.h"

enum { PAGE_BYTES = 4096, READ_BYTES = FRAME_MAX_PAYLOAD, FLUSH_MOST_BYTES = 1024 * 1024 };

// Output is read behind room for its frame's header.
static _Alignas(PAGE_BYTES) char scratch[PAGE_BYTES + READ_BYTES];
static char *const reading = scratch + PAGE_BYTES;

void end_output(int index) {
  int fd = self.stdio.output[index];
  if (has_terminal() && self.stdio.input == fd) close_input();
  close(fd);
  self.stdio.output[index] = -1;
  log_end(index == 0 ? LOG_STDOUT : LOG_STDERR);
}

size_t read_output(int index) {
  int fd = self.stdio.output[index];
  if (fd < 0) return 0;
  ssize_t count = read(fd, reading, READ_BYTES);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (count <= 0) {  // A terminal says EIO when nobody has it open any more.
    end_output(index);
    return 0;
  }
  self.holds_buffers = true;
  log_append(index == 0 ? LOG_STDOUT : LOG_STDERR, reading, (size_t)count);
  char *frame = reading - FRAME_HEADER_BYTES;
  frame_header((unsigned char *)frame, index == 0 ? FRAME_STDOUT : FRAME_STDERR, (uint32_t)count);
  connections_send_output(frame, (uint32_t)count);
  return (size_t)count;
}

void read_all_output(void) {
  for (int index = 0; index < 2; index++)
    for (size_t total = 0, count; total < FLUSH_MOST_BYTES && (count = read_output(index)) > 0;) total += count;
  log_flush();
}

bool has_output(void) { return self.stdio.output[0] >= 0 || self.stdio.output[1] >= 0; }

void apply_size(void) {
  if (self.has_size && has_terminal() && self.stdio.output[0] >= 0)
    ioctl(self.stdio.output[0], TIOCSWINSZ, &self.size);
}

void release_output_memory(void) { madvise(scratch, sizeof scratch, MADV_DONTNEED); }
