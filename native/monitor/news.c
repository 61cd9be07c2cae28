#include "news.h"

#include <string.h>
#include <unistd.h>

#include "state.h"

static void put_time(unsigned char *at, struct timespec time) {
  put_u64(at, (uint64_t)time.tv_sec);
  put_u32(at + 8, (uint32_t)time.tv_nsec);
}

void send_hello(struct connection *connection) {
  unsigned char payload[20];
  put_u32(payload, MONITOR_PROTOCOL);
  put_u32(payload + 4, (uint32_t)getpid());
  put_u32(payload + 8, STDIN_WINDOW_BYTES);
  put_u32(payload + 12, (self.options.console ? 1u : 0) | (self.options.has_stdin ? 2u : 0));
  put_u32(payload + 16, (uint32_t)self.rootfs.root);
  connection_send_frame(connection, FRAME_HELLO, payload, sizeof payload);
}

void send_started(struct connection *connection) {
  unsigned char payload[16];
  put_u32(payload, (uint32_t)self.process);
  put_time(payload + 4, self.started_at);
  connection_send_frame(connection, FRAME_STARTED, payload, sizeof payload);
}

void send_end(struct connection *connection) {
  unsigned char payload[4 + sizeof self.failure];
  if (self.has_failed) {
    size_t length = strlen(self.failure);
    put_u32(payload, (uint32_t)self.failure_code);
    memcpy(payload + 4, self.failure, length);
    connection_send_frame(connection, FRAME_FAILED, payload, (uint32_t)(4 + length));
  } else {
    put_u32(payload, self.status.code);
    put_u32(payload + 4, self.status.signal);
    put_time(payload + 8, self.status.time);
    connection_send_frame(connection, FRAME_EXITED, payload, 20);
  }
}

void welcome(struct connection *connection) {
  send_hello(connection);
  if (self.process) send_started(connection);
  if (self.phase == LINGERING) send_end(connection);
}

void tell_all(void (*tell)(struct connection *)) {
  for (int i = 0; i < connection_count; i++) tell(connections[i]);
}
