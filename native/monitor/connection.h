// Connections to the daemon: decoding its frames, and queues for what it has not taken yet.
#pragma once
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "frame.h"

enum { MAX_CONNECTIONS = 16, SMALL_PAYLOAD_BYTES = 16 };

struct connection {
  int in, out;  // the same descriptor for a socket
  bool is_subscribed, wants_held_descriptors, is_broken;
  uint32_t unacknowledged_stdin, unacknowledged_output;
  struct queue outgoing;
  // The frame that is being received. Stdin passes through; other payloads are small and kept.
  unsigned char header[FRAME_HEADER_BYTES];
  unsigned header_bytes;
  uint32_t payload_missing;
  unsigned char small[SMALL_PAYLOAD_BYTES];
  unsigned small_bytes;
};

// What the frames ask for: told as they are decoded. The payload of stdin comes in pieces.
struct connection_handler {
  void (*on_stdin)(struct connection *connection, const char *bytes, size_t length);
  void (*on_frame)(struct connection *connection, int type, const unsigned char *payload, size_t length);
};

extern struct connection *connections[MAX_CONNECTIONS];
extern int connection_count;

// Takes over the descriptors; null when there is no room (they are closed then).
struct connection *connection_add(int in, int out);
// Reads what is there and hands it to the handler. Sets is_broken at the end of the stream or on a broken rule.
void connection_receive(struct connection *connection, const struct connection_handler *handler, char *scratch,
                        size_t size);
void connection_send(struct connection *connection, const void *bytes, size_t length);
// Sends a frame of output, its header in front of the payload, to all that are subscribed.
void connections_send_output(const char *frame, uint32_t payload_length);
void connection_send_frame(struct connection *connection, enum frame_type type, const void *payload, uint32_t length);
// Writes what waits; when nothing does, also the held descriptors (3 to 2 + held) if they were asked for.
void connection_flush(struct connection *connection, int held);
// Closes and forgets the broken ones.
void connections_sweep(void);
// True while a subscriber's output window is full: the process's output should not be read.
bool connections_are_slow(void);
bool connections_have_outgoing(void);
