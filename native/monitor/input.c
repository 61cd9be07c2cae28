#include "input.h"

#include <unistd.h>

#include "news.h"
#include "state.h"

static void acknowledge(struct connection *connection, uint32_t length) {
  unsigned char payload[4];
  connection->unacknowledged_stdin -= length;
  put_u32(payload, length);
  connection_send_frame(connection, FRAME_STDIN_ACK, payload, sizeof payload);
}

// The queue is one for all connections: whoever has bytes outstanding is credited first come, first served.
static void acknowledge_written(size_t length) {
  for (int i = 0; i < connection_count && length > 0; i++) {
    struct connection *connection = connections[i];
    size_t share = length < connection->unacknowledged_stdin ? length : connection->unacknowledged_stdin;
    if (share) acknowledge(connection, (uint32_t)share);
    length -= share;
  }
}

static void send_stdin_closed(struct connection *connection) {
  connection_send_frame(connection, FRAME_STDIN_CLOSED, 0, 0);
}

void close_input(void) {
  if (self.stdio.input >= 0 && !has_terminal()) close(self.stdio.input);
  self.stdio.input = -1;
  acknowledge_written(self.input.length);
  queue_clear(&self.input);
}

void lose_input(void) {
  close_input();
  tell_all(send_stdin_closed);
}

void write_input(void) {
  ssize_t written = queue_write_to(&self.input, self.stdio.input);
  if (written < 0) return lose_input();
  acknowledge_written((size_t)written);
  if (self.input.length == 0 && self.wants_input_closed && !has_terminal()) close_input();
}

static bool takes_input(void) {
  bool awaits_terminal = has_terminal() && self.phase == STARTING;
  return self.options.has_stdin && !self.wants_input_closed && (self.stdio.input >= 0 || awaits_terminal);
}

void take_input(struct connection *connection, const char *bytes, size_t length) {
  connection->unacknowledged_stdin += (uint32_t)length;
  if (connection->unacknowledged_stdin > STDIN_WINDOW_BYTES) {
    connection->is_broken = true;
  } else if (!takes_input()) {
    acknowledge(connection, (uint32_t)length);
  } else if (!queue_append(&self.input, bytes, length)) {
    connection->is_broken = true;
  } else if (self.stdio.input >= 0) {
    write_input();
  }
}
