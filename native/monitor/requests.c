#include "requests.h"

#include <string.h>

#include "input.h"
#include "log.h"
#include "output.h"
#include "state.h"

// Longer than a working disk ever takes.
enum { SETTLE_MS = 1000 };

static void answer_subscribe(struct connection *connection) {
  unsigned char payload[12];
  log_settle(SETTLE_MS);
  put_u64(payload, log_size());
  put_u32(payload + 8, log_rotations());
  connection_send_frame(connection, FRAME_SUBSCRIBED, payload, sizeof payload);
  connection->is_subscribed = true;
  connection->unacknowledged_output = 0;
}

static void answer_flush(struct connection *connection, const unsigned char *token) {
  unsigned char payload[12];
  if (self.phase != STARTING) read_all_output();
  log_settle(SETTLE_MS);
  memcpy(payload, token, 4);
  put_u64(payload + 4, log_dropped_lines());
  connection_send_frame(connection, FRAME_FLUSHED, payload, sizeof payload);
}

static void acknowledge_output(struct connection *connection, uint32_t length) {
  uint32_t open = connection->unacknowledged_output;
  connection->unacknowledged_output = length < open ? open - length : 0;
}

static void on_frame(struct connection *connection, int type, const unsigned char *payload, size_t length) {
  switch (type) {
    case FRAME_STDIN_EOF:
      self.wants_input_closed = !has_terminal();
      if (self.stdio.input >= 0) write_input();
      break;
    case FRAME_RESIZE:
      if (length < 4) break;
      self.size = (struct winsize){.ws_row = get_u16(payload), .ws_col = get_u16(payload + 2)};
      self.has_size = true;
      apply_size();
      break;
    case FRAME_SUBSCRIBE: answer_subscribe(connection); break;
    case FRAME_UNSUBSCRIBE: connection->is_subscribed = false; break;
    case FRAME_FETCH_HELD: connection->wants_held_descriptors = true; break;
    case FRAME_FLUSH:
      if (length >= 4) answer_flush(connection, payload);
      break;
    case FRAME_OUTPUT_ACK:
      if (length >= 4) acknowledge_output(connection, get_u32(payload));
      break;
    case FRAME_REOPEN_LOG: log_reopen(); break;
    default: break;  // A newer daemon's: PROTOCOL.md says to skip what is unknown.
  }
}

const struct connection_handler REQUESTS = {take_input, on_frame};
