// The frames of PROTOCOL.md.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum {
  MONITOR_PROTOCOL = 1,
  FRAME_HEADER_BYTES = 8,
  FRAME_MAX_PAYLOAD = 65536,
  STDIN_WINDOW_BYTES = 256 * 1024,
  OUTPUT_WINDOW_BYTES = 1024 * 1024,
};

enum frame_type {
  FRAME_STDOUT = 0x01,
  FRAME_STDERR = 0x02,
  FRAME_HELLO = 0x10,
  FRAME_STARTED = 0x11,
  FRAME_FAILED = 0x12,
  FRAME_EXITED = 0x13,
  FRAME_STDIN_ACK = 0x14,
  FRAME_STDIN_CLOSED = 0x15,
  FRAME_SUBSCRIBED = 0x16,
  FRAME_FLUSHED = 0x17,
  FRAME_HELD = 0x18,
  FRAME_STDIN = 0x40,
  FRAME_STDIN_EOF = 0x41,
  FRAME_RESIZE = 0x42,
  FRAME_SUBSCRIBE = 0x43,
  FRAME_UNSUBSCRIBE = 0x44,
  FRAME_FETCH_HELD = 0x45,
  FRAME_FLUSH = 0x46,
  FRAME_REOPEN_LOG = 0x47,
  FRAME_OUTPUT_ACK = 0x48,
  FRAME_NETNS_REQUEST = 0x60,
  FRAME_NETNS_ANSWER = 0x61,
};

static inline void frame_header(unsigned char *header, enum frame_type type, uint32_t payload_length) {
  header[0] = (unsigned char)type;
  header[1] = header[2] = header[3] = 0;
  header[4] = payload_length >> 24;
  header[5] = payload_length >> 16;
  header[6] = payload_length >> 8;
  header[7] = payload_length;
}
