#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "descriptors.h"

struct connection *connections[MAX_CONNECTIONS];
int connection_count;

struct connection *connection_add(int in, int out) {
  struct connection *connection = connection_count < MAX_CONNECTIONS ? calloc(1, sizeof *connection) : 0;
  if (!connection) {
    close(in);
    if (out != in) close(out);
    return 0;
  }
  connection->in = in;
  connection->out = out;
  set_nonblocking(in);
  set_nonblocking(out);
  return connections[connection_count++] = connection;
}

// Consumes the beginning of `bytes` that belongs to the current header or payload. Returns its length.
static size_t decode_some(struct connection *connection, const struct connection_handler *handler, const char *bytes,
                          size_t length) {
  int type = connection->header[0];
  if (connection->header_bytes < FRAME_HEADER_BYTES) {
    size_t wanted = FRAME_HEADER_BYTES - connection->header_bytes, taken = length < wanted ? length : wanted;
    memcpy(connection->header + connection->header_bytes, bytes, taken);
    connection->header_bytes += taken;
    if (connection->header_bytes == FRAME_HEADER_BYTES) {
      connection->payload_missing = get_u32(connection->header + 4);
      connection->small_bytes = 0;
      if (connection->payload_missing > FRAME_MAX_PAYLOAD) connection->is_broken = true;
    }
    return taken;
  }
  size_t taken = length < connection->payload_missing ? length : connection->payload_missing;
  if (type == FRAME_STDIN) {
    handler->on_stdin(connection, bytes, taken);
  } else {
    size_t room = SMALL_PAYLOAD_BYTES - connection->small_bytes, kept = taken < room ? taken : room;
    memcpy(connection->small + connection->small_bytes, bytes, kept);
    connection->small_bytes += kept;
  }
  connection->payload_missing -= (uint32_t)taken;
  return taken;
}

static bool is_frame_complete(const struct connection *connection) {
  return connection->header_bytes == FRAME_HEADER_BYTES && connection->payload_missing == 0;
}

void connection_receive(struct connection *connection, const struct connection_handler *handler, char *scratch,
                        size_t size) {
  ssize_t count = read(connection->in, scratch, size);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) connection->is_broken = true;
  for (const char *at = scratch, *end = scratch + count; at < end && !connection->is_broken;) {
    at += decode_some(connection, handler, at, (size_t)(end - at));
    if (!is_frame_complete(connection) || connection->is_broken) continue;
    connection->header_bytes = 0;
    if (connection->header[0] != FRAME_STDIN)
      handler->on_frame(connection, connection->header[0], connection->small, connection->small_bytes);
  }
}

void connection_send(struct connection *connection, const void *bytes, size_t length) {
  const char *at = bytes;
  if (connection->outgoing.length == 0) {
    ssize_t written = write(connection->out, at, length);
    if (written < 0 && errno != EAGAIN && errno != EINTR) connection->is_broken = true;
    if (written > 0) at += written, length -= (size_t)written;
  }
  if (length > 0 && !connection->is_broken && !queue_append(&connection->outgoing, at, length))
    connection->is_broken = true;
}

void connection_send_frame(struct connection *connection, enum frame_type type, const void *payload, uint32_t length) {
  unsigned char frame[FRAME_HEADER_BYTES + 1024];
  if (length > sizeof frame - FRAME_HEADER_BYTES) length = sizeof frame - FRAME_HEADER_BYTES;
  frame_header(frame, type, length);
  if (length) memcpy(frame + FRAME_HEADER_BYTES, payload, length);
  connection_send(connection, frame, FRAME_HEADER_BYTES + length);
}

void connections_send_output(const char *frame, uint32_t payload_length) {
  for (int i = 0; i < connection_count; i++) {
    if (!connections[i]->is_subscribed) continue;
    connections[i]->unacknowledged_output += FRAME_HEADER_BYTES + payload_length;
    connection_send(connections[i], frame, FRAME_HEADER_BYTES + payload_length);
  }
}

static void send_held(struct connection *connection, int held) {
  int fds[MAX_PASSED_DESCRIPTORS];
  for (int i = 0; i < held; i++) fds[i] = 3 + i;
  unsigned char frame[FRAME_HEADER_BYTES + 4];
  frame_header(frame, FRAME_HELD, 4);
  put_u32(frame + FRAME_HEADER_BYTES, (uint32_t)held);
  if (!send_descriptors(connection->out, frame, sizeof frame, fds, held)) {
    if (errno == EAGAIN) return;
    connection->is_broken = true;
  }
  connection->wants_held_descriptors = false;
}

void connection_flush(struct connection *connection, int held) {
  if (queue_write_to(&connection->outgoing, connection->out) < 0) connection->is_broken = true;
  if (connection->wants_held_descriptors && connection->outgoing.length == 0) send_held(connection, held);
}

void connections_sweep(void) {
  for (int i = connection_count - 1; i >= 0; i--) {
    struct connection *connection = connections[i];
    if (!connection->is_broken) continue;
    close(connection->in);
    if (connection->out != connection->in) close(connection->out);
    queue_clear(&connection->outgoing);
    free(connection);
    connections[i] = connections[--connection_count];
  }
}

bool connections_are_slow(void) {
  for (int i = 0; i < connection_count; i++)
    if (connections[i]->is_subscribed && connections[i]->unacknowledged_output >= OUTPUT_WINDOW_BYTES) return true;
  return false;
}

bool connections_have_outgoing(void) {
  for (int i = 0; i < connection_count; i++)
    if (connections[i]->outgoing.length > 0 || connections[i]->wants_held_descriptors) return true;
  return false;
}
